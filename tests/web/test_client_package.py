"""What is made of the client's sources: the minified files, the types, and the npm package."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests.peers.requirement import missing, require
from tests.web.fake_gateway import WEB

pytestmark = pytest.mark.peer

TREE = Path(__file__).parents[2]
TOOLS = Path(sys.prefix) / "web" / "node_modules"
PACKAGE = json.loads((WEB / "package.json").read_text())

# Bytes over the wire. What people load for a button is less than a picture
LIMITS = {"voice-client.min.js": 26_000, "click-to-call.min.js": 40_000}
LANGUAGE_LIMIT = 5_000

PROGRAM = """
import { CallError, Device, type CallEnd, type DeviceOptions } from "webrtc-sip-gateway-client";
import { chooseLanguage, loadTexts, type Texts } from "webrtc-sip-gateway-client/texts";
import english from "webrtc-sip-gateway-client/texts/en";
import "webrtc-sip-gateway-client/click-to-call";

const element = document.querySelector("click-to-call");
element?.dial({ to: "+15551234567" });
element?.addEventListener("click-to-call:before", ({ detail }) => {
  detail.parameters.headers = { "X-Cart": "42" };
});
addEventListener("click-to-call:ended", ({ detail }) => console.log(detail.end?.cause));
// @ts-expect-error no such field
document.addEventListener("click-to-call:digit", ({ detail }) => detail.digits);

const options: DeviceOptions = { token: async () => "token" };
const texts: Texts = english;
export async function call(to: string): Promise<CallEnd | string> {
  try {
    const call = await new Device(options).connect({ to });
    call.on("ringing", (hasEarlyMedia: boolean) => console.log(hasEarlyMedia));
    return await new Promise((resolve) => call.on("disconnect", (_, end) => resolve(end)));
  } catch (error) {
    const own = await loadTexts(chooseLanguage(navigator.languages));
    return (error instanceof CallError && own[`error.${error.name}`]) || texts["error.internal"];
  }
}
// @ts-expect-error a device has no such option: were the types lost, this would pass
new Device({ tokken: "" });
"""


# As with preact or older React; newer ones take the same names by three lines of the page's own
MARKUP = """
import type { ClickToCallElements } from "webrtc-sip-gateway-client/click-to-call";

const consent: ClickToCallElements["click-to-call"]["consent"] = true;
const number = "+15551234567";
export const button = <click-to-call to={number} token-url="/token" feedback consent={consent} />;
// @ts-expect-error a number is a text
export const other = <click-to-call to={15551234567} />;
"""


def run(*command: str | Path, folder: Path) -> str:
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def tools() -> Path:
    if not (TOOLS / "typescript").exists():
        missing("esbuild, terser and TypeScript are not installed: run make web")
    return TOOLS


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as npm would install it, below a project's folder."""
    project = tmp_path_factory.mktemp("project")
    run(require("npm"), "pack", WEB, "--silent", folder=project)
    (packed,) = project.glob("*.tgz")
    modules = project / "node_modules"
    with tarfile.open(packed) as archive:
        archive.extractall(modules, filter="data")
    return (modules / "package").rename(modules / PACKAGE["name"])


@pytest.mark.usefixtures("tools")
def test_what_is_made_of_the_sources_is_up_to_date(tmp_path: Path) -> None:
    made = tmp_path / "web"
    shutil.copytree(WEB, made, ignore=shutil.ignore_patterns("*.min.js", "types", "demo"))
    run(TREE / ".ci" / "web", made, folder=tmp_path)
    stale = [name for name, held in files_made(made).items() if files_made(WEB).get(name) != held]
    stale += sorted(set(files_made(WEB)) - set(files_made(made)))
    assert not stale, "run make web"


def files_made(web: Path) -> dict[str, bytes]:
    paths = [*web.glob("sdk/*.min.js"), *web.glob("sdk/types/**/*.d.ts")]
    return {str(path.relative_to(web)): path.read_bytes() for path in paths}


def test_each_file_keeps_its_budget() -> None:
    files = (WEB / "sdk").glob("*.min.js")
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in files}
    assert {name: size for name, size in sizes.items() if size > LIMITS[name]} == {}


@pytest.mark.parametrize(
    "path", sorted((WEB / "sdk/texts").glob("*.js")), ids=lambda path: path.stem
)
def test_a_language_keeps_its_budget(path: Path) -> None:
    assert len(gzip.compress(path.read_bytes())) <= LANGUAGE_LIMIT


def test_the_button_leaves_out_what_only_pages_of_other_sdks_need() -> None:
    texts = {name: (WEB / "sdk" / name).read_text() for name in LIMITS}
    assert [name for name, text in texts.items() if "newRTCSession" in text] == [
        "voice-client.min.js"
    ]


@pytest.mark.parametrize("name", LIMITS)
def test_a_minified_file_fetches_languages_from_where_it_was_served(name: str) -> None:
    minified = (WEB / "sdk" / name).read_text()
    languages = {path.name for path in (WEB / "sdk" / "texts").glob("??.js")} - {"en.js"}
    assert {language for language in languages if f'import("./texts/{language}")' in minified} == (
        languages
    )


def test_the_package_holds_the_client_and_nothing_else(package: Path) -> None:
    held = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    sources = {str(path.relative_to(WEB)) for path in (WEB / "sdk").rglob("*") if path.is_file()}
    assert held == {"LICENSE", "README.md", "package.json"} | sources
    assert not {name for name in held if name.endswith(".map")}


def test_all_that_the_package_exports_is_there() -> None:
    for entry in PACKAGE["exports"].values():
        for path in [entry] if isinstance(entry, str) else entry.values():
            assert list(WEB.glob(path.removeprefix("./"))), path


def test_node_resolves_the_package(package: Path) -> None:
    name = PACKAGE["name"]
    program = f"""
        import {{ Device }} from "{name}";
        import german from "{name}/texts/de";
        import {{ loadTexts }} from "{name}/texts";
        import {{ Device as small }} from "{name}/voice-client.min.js";
        const loaded = (await loadTexts("de"))["button.call"] === german["button.call"];
        await import("{name}/click-to-call");  // for pages that a server renders first
        console.log([typeof Device, typeof small, loaded].join());
    """
    node = require("node")
    said = run(node, "--input-type=module", "--eval", program, folder=package.parent.parent)
    assert said == "function,function,true\n"


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_a_typescript_program_is_checked_against_the_package(
    package: Path, tools: Path, resolution: str
) -> None:
    project = package.parent.parent
    (project / "program.mts").write_text(PROGRAM)
    module = "nodenext" if resolution == "nodenext" else "esnext"
    options = ("--strict", "--noEmit", "--target", "es2022", "--types", "", "--module", module)
    ways = ("--moduleResolution", resolution)
    tsc = (require("node"), tools / "typescript" / "lib" / "tsc.js")
    run(*tsc, *options, *ways, "program.mts", folder=project)
    if resolution == "bundler":
        (project / "markup.tsx").write_text(MARKUP)
        run(*tsc, *options, *ways, "--jsx", "preserve", "markup.tsx", folder=project)


def test_somebody_elses_bundler_takes_the_package(package: Path, tools: Path) -> None:
    project = package.parent.parent
    name = PACKAGE["name"]
    source = f'import {{ Device }} from "{name}"; import {{ loadTexts }} from "{name}/texts";'
    (project / "page.js").write_text(f"{source} new Device(); loadTexts(document.lang);")
    options = ("--bundle", "--splitting", "--format=esm", "--outdir=out")
    run(tools / ".bin" / "esbuild", "page.js", *options, folder=project)
    parts = {path.name.split("-")[0] for path in (project / "out").glob("*.js")}
    assert parts >= {path.stem for path in (WEB / "sdk" / "texts").glob("??.js")} - {"en"}


def test_the_lock_file_names_no_registry() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert "://" not in lock
    assert json.loads(lock)["packages"][""]["devDependencies"] == PACKAGE["devDependencies"]


def test_the_package_has_the_gateways_version() -> None:
    project = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
    assert PACKAGE["version"] == project["version"]
    assert os.access(TREE / ".ci" / "web", os.X_OK)


def test_panel_and_desktop_take_the_same_for_a_number() -> None:
    line = (WEB / "sdk/button/line.js").read_text()
    card = (TREE / "examples/agent-desktop/site/call-card.js").read_text()
    [rule] = re.findall(r"^const NUMBER = .*$", line, re.MULTILINE)
    assert rule in card.splitlines()


def test_bundlers_keep_what_is_imported_for_its_effect() -> None:
    """Rollup takes `Device` from where it stands, and skips what no one calls free of effects."""
    kept = {WEB / path for path in PACKAGE["sideEffects"]}
    for module in (WEB / "sdk").rglob("*.js"):
        effects = re.findall(r'^import "(.+)";$', module.read_text(), re.MULTILINE)
        wanted = {module, *((module.parent / path).resolve() for path in effects)}
        assert not effects or wanted <= kept, module
    assert WEB / "sdk/voice-client.min.js" in kept, "which is that in one file"
