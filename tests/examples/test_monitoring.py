"""examples/monitoring: Prometheus takes it, each alert fires when it has to, metrics are ours."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import urlopen

import pytest
import yaml

from gateway.metrics import Metrics
from tests.gateway.test_metrics import BUSY
from tests.peers.ports import free_port
from tests.peers.process import TREE, end_process
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.conftest import StartGateway

FOLDER = TREE / "examples" / "monitoring"
OPERATING = TREE / "docs" / "operating.md"

OURS = re.compile(r"\b(?:gateway|process)_\w+")
PROMETHEUS_OWN = {"up"}


class Query(NamedTuple):
    """What stands in a dashboard's panel."""

    title: str
    text: str

    def promql(self) -> str:
        """Return it as Grafana sends it."""
        text = self.text.replace("$__rate_interval", "1m")
        return re.sub(r"\$\w+", ".*", text)


def promtool(*arguments: str | Path, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = [require("promtool"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> Any:
    return json.loads((FOLDER / "dashboard.json").read_text())


def queries() -> list[Query]:
    panels = dashboard()["panels"]
    return [
        Query(panel["title"], target["expr"])
        for panel in panels
        for target in panel.get("targets", [])
    ]


def exported() -> set[str]:
    """Return the names of all samples of a gateway in which everything has happened once."""
    metrics = Metrics()
    metrics.observe_duration("lab", 1.0)
    metrics.setup.labels("answered").observe(1.0)
    for counter in (metrics.refused, metrics.websockets_refused, metrics.admission_refused):
        counter.labels("any").inc()
    for counter in (metrics.limits_reached, metrics.tokens_refused):
        counter.labels("any").inc()
    for counter in (metrics.preflights, metrics.preflights_refused):
        counter.labels("any").inc()
    metrics.watch(lambda: replace(BUSY, media={"faults": 1}, ended={"busy": 1}))
    lines = metrics.text().decode().splitlines()
    return {re.split(r"[ {]", line)[0] for line in lines if not line.startswith("#")}


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(arguments: tuple[str, ...]) -> None:
    ran = promtool(*arguments)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_promtool_finds_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    """Else the cases would prove nothing."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    rules = tmp_path / "alerts.yml"
    rules.write_text(rules.read_text().replace("gateway_admission_open == 0", "vector(1) == 0"))
    ran = promtool("test", "rules", "alerts_test.yml", folder=tmp_path)
    assert ran.returncode == 1
    assert "KillSwitchOn" in ran.stdout + ran.stderr


def test_each_alert_has_a_case_for_firing_and_one_for_quiet() -> None:
    cases = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    names = sorted(case["name"] for case in cases)
    alerted = [alert["alert"] for alert in alerts()]
    assert names == sorted(
        f"{name} {does}" for name in alerted for does in ("fires", "keeps quiet")
    )
    for case in cases:
        (tested,) = case["alert_rule_test"]
        assert case["name"].startswith(f"{tested['alertname']} ")
        assert bool(tested["exp_alerts"]) == case["name"].endswith(" fires")


def test_each_alert_leads_to_a_page_for_the_night() -> None:
    headings = re.findall(r"^## (.+)$", OPERATING.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w-]", "", each.lower().replace(" ", "-")) for each in headings}
    for alert in alerts():
        page, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert page == "docs/operating.md"
        assert anchor in anchors, alert["alert"]
        assert alert["labels"]["severity"] in {"page", "ticket"}


def test_every_metric_that_is_named_is_exported() -> None:
    """A rule on a name that nobody exports never fires, and says nothing."""
    ours = exported()
    said = [alert["expr"] for alert in alerts()] + [query.text for query in queries()]
    variables = [each["query"] for each in dashboard()["templating"]["list"]]
    said += [each["query"] for each in variables if isinstance(each, dict)]
    named = {name for text in said for name in OURS.findall(text)}
    assert named - ours == set()
    assert len(named) > 40


def test_every_metric_of_ours_is_shown_somewhere() -> None:
    """What is measured and never looked at is only looked for when it is too late."""
    shown = " ".join(query.text for query in queries())
    families = {re.sub(r"_(created|bucket|count|sum|total)$", "", name) for name in exported()}
    hidden = {
        *("gateway_part_capacity", "gateway_draining", "gateway_calls_ended"),  # asked for by hand
        *("gateway_sdp_lines_dropped", "gateway_sdp_stray_answers"),
        "process_virtual_memory_bytes",
        "process_cpu_seconds",
    }
    assert {name for name in families - hidden if name not in shown} == set()


def test_every_query_of_the_dashboard_is_valid(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:number:{number}", "expr": query.promql()}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    ran = promtool("check", "rules", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_panels_of_the_dashboard_lie_beside_each_other() -> None:
    places: set[tuple[int, int]] = set()
    panels = dashboard()["panels"]
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert places.isdisjoint(cells), panel["title"]
        places |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


async def test_prometheus_reads_a_gateway(start_gateway: StartGateway, tmp_path: Path) -> None:
    """A real one, by its own configuration: it finds the gateway, and evaluates every rule."""
    trunk = {"name": "silent", "uri": "sip:127.0.0.1:9;transport=udp"}
    async with (
        start_gateway(trunk) as gateway,
        prometheus(tmp_path, gateway.config.http_port) as ask,
    ):
        up = await ask("/api/v1/query?query=up")
        (build,) = (await ask("/api/v1/query?query=gateway_build_info"))["result"]
        groups = (await ask("/api/v1/rules"))["groups"]
    (target,) = up["result"]
    assert target["value"][1] == "1"
    assert {"version", "engine", "python"} <= set(build["metric"])
    states = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert states == {alert["alert"]: "ok" for alert in alerts()}
    assert [rule["name"] for group in groups for rule in group["rules"] if rule["alerts"]] == []


@asynccontextmanager
async def prometheus(folder: Path, gateway: int) -> AsyncIterator[Callable[[str], Awaitable[Any]]]:
    """Run it until it has evaluated the rules; yield what asks its API."""
    program, port, log = require("prometheus"), free_port(), folder / "prometheus.log"
    shutil.copy(FOLDER / "alerts.yml", folder)
    text = (FOLDER / "prometheus.yml").read_text()
    for old, new in {
        "127.0.0.1:8080": f"127.0.0.1:{gateway}",
        "interval: 15s": "interval: 1s",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "prometheus.yml").write_text(text)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=output,
            stderr=output,
        )

    async def ask(path: str) -> Any:
        url = f"http://127.0.0.1:{port}{path}"
        return (await asyncio.to_thread(lambda: json.load(urlopen(url, timeout=5))))["data"]

    async def evaluated() -> bool:
        try:
            groups = (await ask("/api/v1/rules"))["groups"]
            results = (await ask("/api/v1/query?query=up"))["result"]
        except OSError:
            return False
        rules = [rule["health"] for group in groups for rule in group["rules"]]
        return bool(rules) and "unknown" not in rules and bool(results)

    try:
        async with asyncio.timeout(30):
            while not await evaluated():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
        yield ask
    finally:
        await end_process(process)
