"""The shipped rules and alerts, with Debian's promtool: sound, tested, and about metrics that exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from mailtriage.service.metrics_names import BY_NAME

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "config" / "prometheus"
PAGE = ROOT / "docs" / "metrics.md"

METRIC = re.compile(r"\bmailtriage_[a-z0-9_]+")
OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)"
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def test_rules_and_alerts_are_sound() -> None:
    done = promtool("check", "rules", "rules.yml", "alerts.yml")
    assert done.returncode == 0, done.stderr


def test_each_alert_fires_when_it_must_and_not_before() -> None:
    done = promtool("test", "rules", "tests.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test() -> None:
    alerts = re.findall(r"alert: (\w+)", text("alerts.yml"))
    assert alerts
    assert set(alerts) == set(re.findall(r"alertname: (\w+)", text("tests.yml")))


@pytest.mark.parametrize("name", ["rules.yml", "alerts.yml", "tests.yml"])
def test_they_are_about_metrics_that_exist(name: str) -> None:
    expressions = re.sub(r"(?m)^\s+(summary|description|runbook):.*$", "", text(name))
    used = set(METRIC.findall(expressions))
    assert used
    for metric in used:
        assert metric in BY_NAME or OF_HISTOGRAM.sub("", metric) in BY_NAME, metric


def test_each_alert_says_what_to_do() -> None:
    page = PAGE.read_text(encoding="utf-8").lower()
    for alert in re.findall(r"alert: (\w+)", text("alerts.yml")):
        assert f"runbook: docs/metrics.md#{alert.lower()}" in text("alerts.yml")
        assert f"### {alert.lower()}" in page, f"{alert} is not explained"


def test_they_are_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    data = project["tool"]["setuptools"]["data-files"]
    assert data["share/mailtriage/config/prometheus"] == ["config/prometheus/*"]
