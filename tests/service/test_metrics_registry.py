"""The registry: names, zeros, buckets, exemplars, and no label without an end."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from mailtriage.service import metrics_names as names
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_declared import declare_all
from mailtriage.service.metrics_deltas import Deltas, decode, encode
from mailtriage.service.metrics_monitor import wants_openmetrics
from mailtriage.service.metrics_registry import MOST_VALUES, Registry

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""What Prometheus 2.42 asks for."""

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def told(registry: Registry, deltas: Deltas, worker: int = 1) -> None:
    """What the worker would send, without the socket."""
    registry.take(worker, decode(encode(list(deltas._take()))))


def value(registry: Registry, name: str, **labels: str) -> float | None:
    """The value of one series; None when there is none."""
    for family in text_string_to_metric_families(registry.text().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """As a service with a mailbox begins."""
    directory = tmp_path_factory.mktemp("metrics")
    file = directory / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{directory}/state.db"\n[mailboxes."help@desk.example"]\n'
    )
    registry = Registry()
    declare_all(registry, read_everything([file]).analyst())
    return registry


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (names.MESSAGES, {"direction": "inbound", "outcome": "tagged"}),
        (names.FAIL_OPEN, {"reason": "timeout"}),
        (names.FAIL_OPEN, {"reason": "crash"}),
        (names.TAGS, {"skill": "billing", "priority": "urgent"}),
        (names.TAGS, {"skill": "general", "priority": "low"}),
        (names.LANGUAGE, {"language": "sv"}),
        (names.MOOD, {"mood": "negative"}),
        (names.SIGNALS, {"policy": "priority", "signal": "priority-fraud"}),
        (names.ACKS, {"result": "owed", "rule": "none"}),
        (names.ACKS, {"result": "skipped", "rule": "D7"}),
        (names.DELIVERIES, {"result": "dead"}),
        (names.STATE_ERRORS, {"backend": "sqlite", "op": "desk"}),
        ("mailtriage_message_duration_seconds_count", {}),
        (names.OVERFLOW, {"label": "topic"}),
    ],
)
def test_what_is_known_is_there_at_zero(
    declared: Registry, name: str, labels: dict[str, str]
) -> None:
    assert value(declared, name, **labels) == 0


def test_a_declared_value_is_never_other(declared: Registry) -> None:
    """There are more signals than a label may have unknown values."""
    lines = [
        line for line in declared.text().decode().splitlines() if line.startswith(names.SIGNALS)
    ]
    assert len(lines) > MOST_VALUES
    for line in lines:
        found = re.search(r'policy="(.*?)",signal="(.*?)"', line)
        assert found is not None
        declared.add(names.SIGNALS, *found.groups())
    assert 'signal="other"' not in declared.text().decode()
    assert value(declared, names.OVERFLOW, label="signal") == 0


def test_too_many_values_of_a_label_become_one() -> None:
    registry = Registry()
    for number in range(MOST_VALUES + 50):
        registry.add(names.TOPIC, f"topic-{number}")
        registry.add(names.LANGUAGE, "en")
    assert value(registry, names.TOPIC, topic="other") == 50
    assert value(registry, names.OVERFLOW, label="topic") == 50
    assert value(registry, names.TOPIC, topic="topic-0") == 1
    assert value(registry, names.LANGUAGE, language="en") == MOST_VALUES + 50, "others go on"
    assert registry.text().decode().count(f"{names.TOPIC}{{") == MOST_VALUES + 1


def test_a_histogram_is_cumulative_and_counts_each_mail_once() -> None:
    registry = Registry()
    for worker in (1, 2):
        deltas = Deltas()
        for seconds in (0.002, 0.0021, 0.3, 9.0):
            deltas.observe(names.DURATION, value=seconds)
        told(registry, deltas, worker)
    buckets = f"{names.DURATION}_bucket"
    assert value(registry, buckets, le="0.002") == 2, "a bound belongs to its bucket"
    assert value(registry, buckets, le="0.005") == 4
    assert value(registry, buckets, le="0.5") == 6
    assert value(registry, buckets, le="5.0") == 6
    assert value(registry, buckets, le="+Inf") == 8
    assert value(registry, f"{names.DURATION}_count") == 8
    assert value(registry, f"{names.DURATION}_sum") == pytest.approx(2 * 9.3041)


def test_exemplars_name_the_mail_in_openmetrics_alone() -> None:
    registry = Registry()
    deltas = Deltas()
    deltas.observe(names.DURATION, value=0.7, queue_id="4Wx0ab1cd2z3ef")
    told(registry, deltas)
    samples = [s for f in parse_openmetrics(registry.openmetrics().decode()) for s in f.samples]
    (shown,) = [sample for sample in samples if sample.exemplar]
    assert shown.labels["le"] == "1.0"
    assert shown.exemplar.labels == {"queue_id": "4Wx0ab1cd2z3ef"}
    assert shown.exemplar.value == 0.7
    assert b"4Wx0ab1cd2z3ef" not in registry.text()


def test_the_gauges_of_a_worker_go_with_it_and_its_counts_stay() -> None:
    registry = Registry()
    for worker, sessions in ((1, 3), (2, 4)):
        deltas = Deltas()
        deltas.set(names.SESSIONS, value=sessions)
        deltas.add(names.LANGUAGE, "de")
        told(registry, deltas, worker)
    assert value(registry, names.SESSIONS) == 7, "sessions are summed"
    registry.forget(1)
    assert value(registry, names.SESSIONS) == 4
    assert value(registry, names.LANGUAGE, language="de") == 2


def test_two_generations_tell_of_one_outbox() -> None:
    registry = Registry()
    for worker in (1, 2):
        deltas = Deltas()
        deltas.set(names.OUTBOX, "READY", value=5)
        told(registry, deltas, worker)
    assert value(registry, names.OUTBOX, state="READY") == 5


@pytest.mark.parametrize(
    "entry",
    [
        {"n": "mailtriage_no_such_total", "l": [], "c": 1},
        {"n": names.LANGUAGE, "l": [], "c": 1},
        {"n": names.LANGUAGE, "l": ["en"], "c": -1},
        {"n": names.LANGUAGE, "l": ["en"], "c": float("nan")},
        {"n": names.LANGUAGE, "l": ["en"], "c": "1"},
        {"n": names.DURATION, "l": [], "b": [1, 2], "x": {}},
        {"n": names.DURATION, "l": [], "c": 1},
        {"n": names.SESSIONS, "l": [], "g": "many"},
    ],
)
def test_nonsense_of_a_worker_changes_nothing(entry: dict[str, object]) -> None:
    registry = Registry()
    registry.add(names.LANGUAGE, "en")
    registry.take(1, [entry])
    assert value(registry, names.LANGUAGE, language="en") == 1
    assert value(registry, f"{names.DURATION}_sum") in (None, 0)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_likes_every_name(declared: Registry) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=declared.text(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_no_series_for_the_time_of_creation(declared: Registry) -> None:
    assert b"_created" not in declared.text() + declared.openmetrics()


def test_every_metric_is_documented_with_its_labels() -> None:
    rows = re.findall(r"^\| `([a-z_]+)(?:\{([a-z_, ]+)\})?` \|", DOCS.read_text(), re.MULTILINE)
    documented = {name: tuple(filter(None, labels.split(", "))) for name, labels in rows}
    assert documented == {family.name: family.labels for family in names.FAMILIES}


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=nonsense", False),
        (PROMETHEUS, True),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics
