"""A private Prometheus: a directory of its own, a loopback port, and metrics of the past."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prometheus_client import Metric

from tests.support.background import Background, open_directory
from tests.support.postfix import free_port

TARGET: Final = {"job": "mailtriage", "instance": "mx1.desk.example:9894"}
"""The labels that a scrape adds."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """What came of a query: one line of a plot, or one value."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    """Seconds since the epoch, and the value."""


@dataclass(slots=True)
class Recording:
    """Scrapes, one after the other, as OpenMetrics with timestamps has them."""

    families: dict[str, str] = field(default_factory=dict)
    """Name to kind."""
    samples: dict[str, dict[tuple[str, Labels], list[tuple[int, float]]]] = field(
        default_factory=dict
    )

    def scrape(self, at: int, metrics: Iterable[Metric]) -> None:
        """What is exposed at that second."""
        for metric in metrics:
            self.families[metric.name] = metric.type
            series = self.samples.setdefault(metric.name, {})
            for sample in metric.samples:
                key = sample.name, tuple((sample.labels | TARGET).items())
                series.setdefault(key, []).append((at, sample.value))

    def write(self, file: Path) -> None:
        """As `promtool tsdb create-blocks-from openmetrics` reads it."""
        with file.open("w", encoding="utf-8") as lines:
            for family, series in self.samples.items():
                lines.write(f"# TYPE {family} {self.families[family]}\n")
                for (name, labels), points in series.items():
                    written = ",".join(f"{key}={json.dumps(value)}" for key, value in labels)
                    lines.writelines(f"{name}{{{written}}} {v!r} {at}\n" for at, v in points)
            lines.write("# EOF\n")


class Prometheus:
    """A server that answers queries."""

    def __init__(self, port: int) -> None:
        self._base: Final = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self._base}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def at(self, query: str, when: int) -> list[Series]:
        """The values of a query at one moment. Raises urllib.error.HTTPError for a wrong one."""
        found = self._ask("query", {"query": query, "time": when})
        return [Series(one["metric"], [_point(one["value"])]) for one in found]

    def over(self, query: str, begin: int, end: int, step: int) -> list[Series]:
        """The values of a query from `begin` to `end`, every `step` seconds."""
        wanted = {"query": query, "start": begin, "end": end, "step": step}
        found = self._ask("query_range", wanted)
        return [Series(one["metric"], [_point(each) for each in one["values"]]) for one in found]

    def _ask(self, page: str, wanted: Mapping[str, object]) -> list[dict[str, Any]]:
        url = f"{self._base}/api/v1/{page}?{urllib.parse.urlencode(wanted)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


@contextmanager
def prometheus(*recordings: Recording) -> Iterator[Prometheus]:
    """A server that has scraped these. Runs as the one who asks for it; Debian's own is not touched."""
    with open_directory() as directory:
        data = directory / "data"
        data.mkdir()
        for number, recording in enumerate(recordings):
            file = directory / f"{number}.txt"
            recording.write(file)
            backfill(file, data)
        (directory / "prometheus.yml").write_text("global: {}\n")
        port = free_port()
        server, answers = Background("prometheus", directory / "log"), Prometheus(port)
        server.start(
            [
                program("prometheus"),
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            answers.ready,
            cwd=directory,
        )
        try:
            yield answers
        finally:
            server.stop()


def backfill(file: Path, data: Path) -> None:
    """Make blocks of a recording. Raises RuntimeError with what promtool says."""
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
    done = subprocess.run(
        [*command, str(file), str(data)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def program(name: str) -> str:
    """Where it lies. Raises FileNotFoundError."""
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(name)
    return found
