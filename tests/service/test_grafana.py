"""The shipped dashboards: made by their script, linted, and asked of a real Prometheus.

The rules of the lint are those of Grafana's dashboard-linter, as far as they apply.
"""

import asyncio
import json
import re
import select
import selectors
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from random import Random

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailtriage.doors.analysis import Analyst
from mailtriage.policies.model import GENERAL
from mailtriage.service.metrics_deltas import Deltas, decode
from mailtriage.service.metrics_http import Request
from mailtriage.service.metrics_monitor import Census, Monitor
from mailtriage.service.metrics_names import (
    BUILD,
    BY_NAME,
    CSAT,
    EXPECTED_MAILS,
    EXPECTED_REPLY,
    FIRST_REPLY,
    FIRST_REPLY_WORKED,
    OUTBOX,
    SURGE,
    SURGE_SCORE,
    Family,
)
from mailtriage.service.metrics_outbox import watch_outbox
from mailtriage.service.metrics_registry import Registry
from mailtriage.state.sqlite import open_database
from mailtriage.triage.model import Priority
from tests.support import dashboards
from tests.support.dashboards import NAMES, Panel, Span, panels, queries, read
from tests.support.metrics_day import (
    BEGIN,
    DOORS,
    HOUR,
    SCRAPE,
    Day,
    analyst,
    recorded_day,
    recorded_week_before,
)
from tests.support.prometheus import Prometheus, Recording, prometheus

ROOT = Path(__file__).resolve().parents[2]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTED = 'job=~"$job", instance=~"$instance"'

METRIC = re.compile(r"\b(?:mailtriage|process)_[a-z0-9_]+")
SELECTOR = re.compile(r"\b((?:mailtriage|process)_[a-z0-9_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(?:=~|!=|!~|=)"([^"]*)"')
GROUPED = re.compile(r"\bby \(([^)]*)\)")
WINDOW = re.compile(r"(\w+) ?\((?:mailtriage|process)_[a-z0-9_]+\{[^}]*\}\[([^\]]*)\]")
COUNTED = re.compile(r"_(total|bucket|sum|count)$")

NOT_FOR_A_TEAM_LEAD = re.compile(
    r"\b(milter|postfix|socket|process(es)?|worker|supervisor|daemon|kernel|cpu|sqlite|redis|thread"
    r"|restart|reload|latency|histogram|quantile|p\d\d|queue|systemd|linux|smtp|timeout)\b",
    re.IGNORECASE,
)

FIRST, LAST = 9, 14
"""The hours of the day in the test: no mail server for acknowledgements, and an outage."""
SPAN = Span(BEGIN + FIRST * HOUR, BEGIN + LAST * HOUR, SCRAPE)

EVERY_PANEL = [(name, panel) for name in NAMES for panel in panels(name)]
EVERY_QUERY = [(name, title, query) for name in NAMES for title, query in queries(name)]

each_dashboard = pytest.mark.parametrize("name", NAMES)
each_panel = pytest.mark.parametrize(
    "panel", [p for _, p in EVERY_PANEL], ids=[f"{name}: {p['title']}" for name, p in EVERY_PANEL]
)
each_query = pytest.mark.parametrize(
    "query", [q for _, _, q in EVERY_QUERY], ids=[f"{name}: {t}" for name, t, _ in EVERY_QUERY]
)
with_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="Prometheus is not installed (package prometheus)",
)


def family(metric: str) -> Family:
    """That a name in a query belongs to; of a histogram only its parts can be asked."""
    if metric in BY_NAME and BY_NAME[metric].kind != "histogram":
        return BY_NAME[metric]
    name, part, _ = re.sub(r"_(bucket|sum|count)$", r" \1 ", metric).partition(" ")
    assert part, f"{metric} does not exist"
    assert name in BY_NAME, f"{metric} does not exist"
    assert BY_NAME[name].kind == "histogram", metric
    return BY_NAME[name]


def values(text: str) -> Iterator[tuple[Family, str, str]]:
    """Every value of a label that a query names, with the family."""
    for metric, matchers in SELECTOR.findall(text):
        for label, value in MATCHER.findall(matchers.removeprefix(SELECTED)):
            for each in value.split("|"):
                yield family(metric), label, each


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    script = ROOT / "config" / "grafana" / "make.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=60)
    assert not list(script.parent.glob("__pycache__")), "setuptools fails at it"
    for name in NAMES:
        there = (dashboards.FOLDER / f"{name}.json").read_text(encoding="utf-8")
        made = (tmp_path / f"{name}.json").read_text(encoding="utf-8")
        assert there == made, f"run python config/grafana/make.py: {name}.json is another"


@each_dashboard
def test_a_dashboard_says_what_it_is(name: str) -> None:
    made = read(name)
    assert made["uid"] == f"mailtriage-{name}"
    assert made["title"] == f"mailtriage: {name.capitalize()}"
    assert made["description"]
    assert made["schemaVersion"] >= 36
    assert made["editable"] is False


@each_dashboard
def test_data_source_job_and_instance_can_be_chosen(name: str) -> None:
    source, *labels = read(name)["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert [one["name"] for one in labels] == ["job", "instance"]
    for one in labels:
        assert one["multi"]
        assert one["includeAll"]
        assert one["allValue"] == ".+"
        assert one["datasource"] == SOURCE
        metric = METRIC.search(one["query"]["query"])
        assert metric is not None
        assert metric[0] in BY_NAME
        assert one["query"]["query"].startswith("label_values(")


@each_panel
def test_a_panel_explains_itself(panel: Panel) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


@each_panel
def test_a_panel_asks_the_chosen_data_source(panel: Panel) -> None:
    assert panel["datasource"] == SOURCE
    assert all(target["datasource"] == SOURCE for target in panel["targets"])


@each_dashboard
def test_marks_come_from_the_chosen_data_source(name: str) -> None:
    marks = read(name)["annotations"]["list"]
    assert marks
    assert all(mark["datasource"] == SOURCE for mark in marks)


@each_panel
def test_a_legend_names_labels_that_the_query_leaves(panel: Panel) -> None:
    for target in panel["targets"]:
        left = {label for by in GROUPED.findall(target["expr"])[:1] for label in by.split(", ")}
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= left, target["expr"]


@each_dashboard
def test_numbers_are_unique_and_no_panel_covers_another(name: str) -> None:
    everything = read(name)["panels"]
    numbers = [panel["id"] for panel in everything]
    assert len(set(numbers)) == len(numbers)
    places = [(panel["title"], panel["gridPos"]) for panel in everything]
    for _, place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, f"{one} covers {other}"


@each_query
def test_a_query_is_about_a_metric_that_exists(query: str) -> None:
    metrics = METRIC.findall(query)
    assert metrics
    for metric in metrics:
        family(metric)


@each_query
def test_a_query_is_about_labels_that_exist(query: str) -> None:
    for one, label, _ in values(query):
        assert label in one.labels, f"{one.name} has no label {label}"
    made = set(re.findall(r'label_replace\(.*?, "(\w+)", "\$1"', query))
    known = {label for metric in METRIC.findall(query) for label in family(metric).labels}
    for by in GROUPED.findall(query):
        assert set(by.split(", ")) <= known | made | {"le", "job", "instance"}, by


@each_query
def test_a_query_selects_job_and_instance(query: str) -> None:
    selectors = SELECTOR.findall(query)
    assert len(selectors) == len(METRIC.findall(query)), "a metric without { }"
    for _, matchers in selectors:
        assert matchers.startswith(SELECTED)


@each_query
def test_a_query_has_windows_as_long_as_they_must_be(query: str) -> None:
    windows = dict.fromkeys(WINDOW.findall(query))
    assert query.count("}[") == len(WINDOW.findall(query))
    for function, window in windows:
        assert (function, window) in {
            ("rate", "$__rate_interval"),
            ("increase", "$__rate_interval"),
            ("increase", "$__range"),
        }


@each_query
def test_a_query_asks_how_counters_grow_and_what_gauges_say(query: str) -> None:
    growing = re.findall(r"(?:rate|increase) ?\(((?:mailtriage|process)_[a-z0-9_]+)", query)
    for metric in METRIC.findall(query):
        assert bool(COUNTED.search(metric)) == (metric in growing), metric


@each_dashboard
def test_a_sum_over_all_that_is_shown_is_asked_once(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            assert target["instant"] or "$__range" not in target["expr"], panel["title"]


def test_the_helpdesk_is_not_about_machines() -> None:
    shown = [read("helpdesk")["title"], *(panel["title"] for panel in read("helpdesk")["panels"])]
    shown += [panel["description"] for panel in panels("helpdesk")]
    shown += [t["legendFormat"] for panel in panels("helpdesk") for t in panel["targets"]]
    for text in shown:
        assert not NOT_FOR_A_TEAM_LEAD.search(text), text


@with_promtool
def test_every_query_is_sound(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:query:{number}", "expr": SPAN.filled(query, {})}
        for number, (_, _, query) in enumerate(EVERY_QUERY)
    ]
    file = tmp_path / "queries.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    """Some hours of a helpdesk, and the same hours a week before."""
    judge = analyst(tmp_path_factory.mktemp("day"))
    return recorded_day(judge, FIRST, LAST), recorded_week_before(judge, FIRST, LAST)


@pytest.fixture(scope="module")
def server(recordings: tuple[Recording, Recording]) -> Iterator[Prometheus]:
    """A Prometheus that scraped them."""
    with prometheus(*recordings) as answers:
        yield answers


@with_promtool
@each_panel
def test_a_panel_shows_something(panel: Panel, server: Prometheus) -> None:
    for target in panel["targets"]:
        query = SPAN.filled(target["expr"], panel)
        if target["instant"]:
            found = server.at(query, SPAN.end)
        else:
            found = server.over(query, SPAN.begin, SPAN.end, SPAN.step(panel))
        numbers = [value for series in found for _, value in series.points if value == value]
        assert numbers, query


@each_query
def test_a_query_names_values_that_the_service_has(
    query: str, recordings: tuple[Recording, Recording]
) -> None:
    # A panel that asks for several values shows something even if one of them is misspelt.
    today = recordings[0]
    for one, label, value in values(query):
        series = today.samples[one.name.removesuffix("_total")]
        assert value in {dict(labels).get(label) for _, labels in series}, (one.name, label, value)


def test_the_day_has_no_series_that_the_service_does_not_have(tmp_path: Path) -> None:
    # What is invented must not be the reason that a panel shows something.
    judge = analyst(tmp_path)
    day = Day(judge, Random(1))
    for second in range(BEGIN + FIRST * HOUR, BEGIN + LAST * HOUR, SCRAPE):
        day.minute(second)
    invented = labelled(day.registry.text())
    assert any(name == OUTBOX for name, _ in invented)
    there = labelled(of_the_supervisor(judge)) | labelled(of_the_outbox(tmp_path))
    assert any(name == SURGE for name, _ in invented)
    assert invented <= there | labelled(of_what_is_learnt(judge))


def labelled(text: bytes) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """The series of an exposition whose labels have values that somebody has to get right."""
    return {
        (sample.name, frozenset(sample.labels.items()))
        for metric in text_string_to_metric_families(text.decode())
        for sample in metric.samples
        if sample.labels and metric.name != BUILD
    }


def of_the_supervisor(judge: Analyst) -> bytes:
    """What it tells when it has just begun."""
    monitor = Monitor(judge, None, selftest=True)
    with selectors.DefaultSelector() as selector:
        monitor.start(selector, lambda: Census(DOORS, ()))
        return monitor.answer(Request("GET", "/metrics", "")).body


def of_what_is_learnt(judge: Analyst) -> bytes:
    """What is told of as it is met: answers and surges, of the skills and topics that there are."""
    policies = judge.matcher.policies.skills
    skills = [GENERAL, *(policy.name for policy in policies)]
    topics = {signal.topic for policy in policies for signal in policy.signals if signal.topic}
    watched = [*product(["skill"], skills), *product(["topic"], topics)]
    registry = Registry()
    for name in (FIRST_REPLY, FIRST_REPLY_WORKED):
        registry.declare(name, product(skills, Priority))
    for name in (CSAT, EXPECTED_REPLY):
        registry.declare(name, [(skill,) for skill in skills])
    for name in (SURGE, SURGE_SCORE, EXPECTED_MAILS):
        registry.declare(name, watched)
    return registry.text()


def of_the_outbox(directory: Path) -> bytes:
    """What the ack worker tells of an outbox that is empty."""
    file = directory / "state.db"
    open_database(file).close()
    deltas, registry = Deltas(), Registry()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    async def first_look() -> None:
        watching = asyncio.create_task(watch_outbox(file, deltas))
        while not registry.text().count(OUTBOX.encode() + b"{"):
            await asyncio.sleep(0.02)
            deltas.flush(theirs)
            if select.select([ours], [], [], 0)[0]:
                registry.take(1, decode(ours.recv(1 << 20)))
        watching.cancel()

    with ours, theirs:
        asyncio.run(asyncio.wait_for(first_look(), 60))
    return registry.text()
