"""`gateway bench`: the options, and the table that is printed at the end."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gateway.bench.calls import Target
from gateway.bench.measure import Way
from gateway.bench.run import Plan, Report, run_plan
from gateway.bench.schedule import Impairment
from gateway.errors import RequestError
from gateway.trunk import SipAddress, TrunkError

DEFAULTS = Plan(Target(), SipAddress("127.0.0.1", 5070))
ENOUGH = 20  # calls of which can be said what more of them would cost
PTIMES = (10, 20, 40, 60)  # ms

# Numbers of the command line that are checked here: name, type, default, metavar, help
_NUMBERS = (
    ("--calls", int, DEFAULTS.calls, "N", "calls at a time"),
    ("--rate", float, DEFAULTS.rate, "N", "calls set up in a second"),
    ("--duration", float, DEFAULTS.duration, "SECONDS", "how long they speak"),
    ("--loss", float, 0.0, "SHARE", "of the browsers' packets, 0.05 for 5 %%"),
    ("--burst", float, 1.0, "N", "packets lost in a row, on average"),
    ("--jitter", float, 0.0, "MS", "of the browsers' packets, standard deviation"),
    ("--drift", float, 0.0, "PPM", "how much faster the browsers' clocks run"),
    ("--seed", int, DEFAULTS.seed, "N", "same seed, same losses and jitter"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gateway bench`."""
    target = DEFAULTS.target
    parser.add_argument("--url", default=target.url, help="the gateway's WebSocket")
    parser.add_argument("--to", default=target.to, help="the first number to call; others follow")
    trunk = parser.add_mutually_exclusive_group()
    trunk.add_argument(
        "--listen-sip",
        type=_sip_address,
        default=DEFAULTS.sip,
        metavar="HOST:PORT",
        help=f"be the gateway's trunk here (default: {DEFAULTS.sip})",
    )
    trunk.add_argument(
        "--no-trunk", action="store_true", help="somebody else is the trunk: all call one number"
    )
    for name, kind, default, metavar, text in _NUMBERS:
        parser.add_argument(
            name,
            type=kind,
            default=default,
            metavar=metavar,
            help=f"{text} (default: {default:g})",
        )
    parser.add_argument("--reorder", action="store_true", help="let jitter reorder packets")
    parser.add_argument("--ptime", type=int, choices=PTIMES, default=20, help="of the browsers, ms")
    parser.add_argument(
        "--fullband",
        action="store_true",
        help="send fullband Opus at 32 kbit/s, whatever the gateway asks for",
    )
    parser.add_argument("--pid", type=int, help="the gateway's process, for its CPU and memory")
    parser.add_argument("--token", help="a call token")
    parser.add_argument("--origin", help="say to be a page of this origin (admission.origins)")
    parser.add_argument("--address", default=target.address, help="local address for media")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")


def _sip_address(text: str) -> SipAddress:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT with a port up to 65535")
    return SipAddress(host, int(port))


def run(options: argparse.Namespace) -> int:
    """Run the load; 0 if every call came up and stayed, else 1.

    Raises
    ------
    GatewayError
        When an option is out of range, or our SIP port cannot be opened.
    """
    plan = _read_plan(options)
    try:
        report = run_plan(plan, _say)
    except TrunkError as error:
        raise RequestError(f"--listen-sip {plan.sip}: {error}") from error
    _say(render(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    return 0 if report.calls == report.up else 1


def _read_plan(options: argparse.Namespace) -> Plan:
    for name in ("calls", "rate", "duration"):
        value = getattr(options, name)
        if value <= 0:
            raise RequestError(f"--{name} {value:g}: it must be more than 0")
    try:
        impairment = Impairment(
            loss=options.loss,
            jitter_ms=options.jitter,
            reorder=options.reorder,
            burst=options.burst,
            drift_ppm=options.drift,
        )
    except ValueError as error:
        raise RequestError(str(error)) from error
    return Plan(
        target=Target(
            url=options.url,
            to=options.to,
            same_number=options.no_trunk,
            token=options.token,
            origin=options.origin,
            address=options.address,
        ),
        sip=None if options.no_trunk else options.listen_sip,
        calls=options.calls,
        rate=options.rate,
        duration=options.duration,
        ptime=options.ptime,
        fullband=options.fullband,
        impairment=impairment,
        pid=options.pid,
        seed=options.seed,
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def render(report: Report) -> str:
    """Return the report as a person reads it."""
    rows = [("calls up", f"{report.up} of {report.calls}")]
    rows += [(f"  {count} failed", cause) for cause, count in sorted(report.failures.items())]
    if report.setup_p50 is not None:
        rows.append(("set-up p50, p99", _ms(report.setup_p50, report.setup_p99)))
    if report.codec:
        rows.append(("browsers' codec", report.codec))
    for name, way in (("trunk", report.to_trunk), ("browser", report.to_browser)):
        if way is not None and way.received + way.sent:
            rows += _rows_of(name, way)
    if report.cpu_ms is not None:
        rows.append(
            ("gateway's CPU", f"{report.cpu_ms:.2f} ms per call and second{_cores(report)}")
        )
    if report.memory_kb is not None:
        rows.append(("gateway's memory", f"{report.memory_kb:.0f} kB per call"))
    if report.generator_late_p99 is not None:
        late = f"{100 * report.generator_cpu:.0f} % of a core, late p99 "
        rows.append(("the generator", late + _ms(report.generator_late_p99)))
    if report.unsent:
        rows.append(("", f"{report.unsent} packets could not be sent"))
    return "\n".join(f"{name:<24} {text}" for name, text in rows)


def _rows_of(name: str, way: Way) -> list[tuple[str, str]]:
    sent = f"{way.sent} sent, " if way.sent else ""
    rows = [(f"packets to the {name}", f"{sent}{way.received} received, {way.lost} lost")]
    if way.delay_p50 is not None:
        rows.append(("  delay p50, p99", _ms(way.delay_p50, way.delay_p99)))
    if way.spacing_p99 is not None:
        rows.append(("  unevenness p99", _ms(way.spacing_p99)))
    return rows


def _ms(*values: float | None) -> str:
    return ", ".join("?" if each is None else f"{each:.1f}" for each in values) + " ms"


def _cores(report: Report) -> str:
    """Say how many calls a core carries, unless few calls share what a gateway does anyway."""
    if not report.cpu_ms or report.up < ENOUGH:
        return ""
    return f", {1000 / report.cpu_ms:.0f} calls per core"
