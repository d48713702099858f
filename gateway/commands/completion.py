"""`gateway completion`: a script for a shell that knows the commands and their options."""

from __future__ import annotations

import argparse

import shtab

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway completion`."""
    parser.add_argument("shell", choices=SHELLS)
    parser.epilog = (
        "bash: gateway completion bash > ~/.local/share/bash-completion/completions/gateway; "
        "zsh: into a folder of $fpath as _gateway; "
        "fish: gateway completion fish > ~/.config/fish/completions/gateway.fish"
    )


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from gateway import cli  # which imports us

    parser = cli.make_parser(cli.ALL)
    _complete_files(parser)
    print(shtab.complete(parser, shell=options.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:  # shtab's own way to say what a value is
        if isinstance(action, argparse._SubParsersAction):
            for command in set(action.choices.values()):
                _complete_files(command)
        elif action.metavar == "FILE":
            vars(action)["complete"] = shtab.FILE
