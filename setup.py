"""Builds the compiled half of the media path: every `.pyx` of the tree is one extension module.

Everything else about the package stands in pyproject.toml; setuptools takes extension modules that
are made by a program from here only.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOTS = {"codecs/voice": "voice", "gateway": "gateway"}  # source folder: package
GENERATED = Path("build/cython")  # the C files; they outlive a build, as they depend on no Python

# Cython's code for memoryviews, once instead of once per module: each compiles in a third of the
# time. Nothing imports it by name but the modules themselves.
SHARED = Extension("voice._cython", ["codecs/voice/_cython.c"])

# -O2: no figure of tests/bench moved with -O3. -g0: debug information costs a quarter of the time.
# The loops that Cython turns into gotos are no news to anybody.
OPTIMIZED = ["-O2", "-g0", "-Wno-unreachable-code"]
# clang's, whose runtime and libFuzzer are in one library that is loaded first, hence not linked.
# What Cython makes of a call without arguments adds 0 to a null pointer
SANITIZED = [
    *("-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", "-w"),
    "-fsanitize=address,undefined,fuzzer-no-link",
    "-fno-sanitize=pointer-overflow",
]
SANITIZE = bool(os.environ.get("SANITIZE"))  # `make fuzz SANITIZE=1`
WANTED = os.environ.get("MODULES", "").split()  # MODULES="voice.rtp voice.opus" builds these alone

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": True,
    "wraparound": False,
    "cdivision": True,
    "auto_pickle": False,  # nothing pickles a packet path, and it is a third of a small module
    "embedsignature": True,
    "show_performance_hints": False,  # they advise against the checks of bounds
}


def extensions() -> list[Extension]:
    """Return an extension for each `.pyx`, named as it is imported, and the shared one."""
    found = [SHARED]
    for folder, package in ROOTS.items():
        for source in sorted(Path(folder).rglob("*.pyx")):
            parts = (package, *source.relative_to(folder).with_suffix("").parts)
            name = ".".join(parts)
            if not WANTED or name in WANTED:
                found.append(Extension(name, [str(source)]))
    for extension in found:
        extension.extra_compile_args = SANITIZED if SANITIZE else OPTIMIZED
    return found


class BuildExtensions(build_ext):
    """Translates all modules at once, on all cores, and compiles none that the tree has already.

    An object in the tree that is newer than its sources and this file is what a compiler would make
    again, so `make install`, each of its extras and `make wheel` compile once between them.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        remove_outdated()
        if self.inplace:
            remove_orphans()
        translated = cythonize(
            self.extensions,
            include_path=[".", "codecs"],
            compiler_directives=DIRECTIVES,
            build_dir=str(GENERATED),
            shared_utility_qualified_name=SHARED.name,
            force=bool(self.force),
            nthreads=os.cpu_count() or 1,
            quiet=not self.verbose,
        )
        for extension, made in zip(self.extensions, translated, strict=True):
            vars(extension).update(vars(made))
        super().run()

    def build_extension(self, ext: Extension) -> None:
        package = self.get_finalized_command("build_py").get_package_dir(
            ext.name.rpartition(".")[0]
        )
        target = Path(self.get_ext_fullpath(ext.name))
        there = Path(package, target.name)
        made_of = [*ext.sources, *ext.depends]
        if SANITIZE or self.force or not there.exists() or is_older(there, made_of):
            super().build_extension(ext)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(there), str(target))


def is_older(there: Path, sources: list[str]) -> bool:
    """Whether one of the sources is newer than what was made of them."""
    return any(Path(source).stat().st_mtime > there.stat().st_mtime for source in sources)


def remove_outdated() -> None:
    """Remove C files older than this file: a directive or a flag may have changed."""
    for made in GENERATED.rglob("*.c"):
        if is_older(made, [__file__]):
            made.unlink()


def remove_orphans() -> None:
    """Remove objects whose source is gone: Python prefers them to a new module of that name."""
    for folder in ROOTS:
        for made in Path(folder).rglob("*.so"):
            source = made.with_name(made.name.partition(".")[0] + ".pyx")
            if not source.exists() and source.stem != SHARED.name.rpartition(".")[2]:
                made.unlink()


# What setuptools collects on the way stays out of the tree: it would put what is left there from an
# earlier build into the next wheel
with TemporaryDirectory() as scratch:
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": BuildExtensions},
        options={"build": {"build_base": scratch}},
    )
