"""The commands, a module each: `add_arguments(parser)` and `run(options)`, the exit status.

`gateway.cli` imports the one that was typed, so that `gateway check` does not wait for what only
`gateway serve` needs. A module imports at its top what it needs for sure.
"""
