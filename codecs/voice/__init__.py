"""Voice codecs, RTP and telephone events as pure computation.

Nothing here waits, listens, sends, reads a clock or throws dice: samples, bytes and times come in
as arguments, results go out. Samples are int16 arrays, one row per stream where there are many.
Import the modules by name, such as ``from voice import g711``.
"""

try:
    import voice.counters  # noqa: F401  every build has it
except ModuleNotFoundError as error:
    if error.name != "voice.counters":
        raise
    raise ImportError(
        "The compiled media path is not built: type `make install` (or `pip install .`)",
        name=error.name,
    ) from error
