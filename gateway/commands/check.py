"""`gateway check`: a line for each thing that was tried, and status 1 if one of them is wrong."""

from __future__ import annotations

import argparse
import asyncio

from gateway import check
from gateway.commands.options import NO_TRUNK, add_config, config_file
from gateway.config_problems import BadConfigError
from gateway.config_sources import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway check`."""
    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Say what is wrong; 0 if nothing is."""
    try:
        settings = load(config_file(options), {})
    except BadConfigError as error:
        findings = [check.Finding(ok=False, text=problem) for problem in error.problems]
    else:
        findings = [*asyncio.run(check.examine(settings)), *check.loose(config_file(options))]
        if not settings.trunks:
            findings.append(check.Finding(ok=False, text=NO_TRUNK))
    for finding in findings:
        word = "wrong" if not finding.ok else "warning" if finding.doubtful else "ok"
        print(f"{word:8}{finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1
