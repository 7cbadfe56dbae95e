"""What `mailtriage top` reads of the running service: its metrics over HTTP, and /readyz."""

import http.client
import math
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from mailtriage.config.endpoints import SocketAddress
from mailtriage.service import metrics_names as names

TIME_LIMIT: Final = 3.0
"""Seconds for one page, connection and all."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one page; a service with a thousand signals answers some 200 KB."""
MOST_LINES: Final = 10
"""Of what /readyz says."""

SHOWN: Final = frozenset(
    {
        *(names.MESSAGES, names.FAIL_OPEN, names.DURATION, names.STAGES, names.TAGS),
        *(
            names.LANGUAGE,
            names.DECISIONS,
            names.ACKS,
            names.DELIVERIES,
            names.ACK_SERVER,
            names.OUTBOX,
        ),
        *(names.OUTBOX_OLDEST, names.STATE_ERRORS, names.STATE_DURATION, names.STATE_OPEN),
        *(names.BUILD, names.STARTED, names.WORKERS, names.SESSIONS, names.RESTARTS),
        *(names.RELOAD_GOOD, names.RELOAD_TIME, names.SELFTEST, names.SELFTEST_TIME),
        names.SELFTEST_DURATION,
    }
)
"""The metrics that the page is made of; the others are thousands of series."""

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted."""


class ScrapeError(Exception):
    """The service cannot be asked; the message says why, `hint` what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint: Final = hint


@dataclass(frozen=True, slots=True)
class Scrape:
    """The metrics of one moment."""

    at: float
    """Seconds since the epoch."""
    tick: float
    """Seconds of a clock that nobody sets."""
    series: Mapping[str, Mapping[Labels, float]]
    unready: tuple[str, ...] = ()
    """What /readyz complains of."""

    def by(self, name: str, *labels: str, **wanted: str) -> dict[tuple[str, ...], float]:
        """Sums by the values of some labels, of the series that have the wanted ones."""
        found: dict[tuple[str, ...], float] = {}
        for pairs, value in self.series.get(name, {}).items():
            have = dict(pairs)
            if all(have.get(label) == worth for label, worth in wanted.items()):
                key = tuple(have.get(label, "") for label in labels)
                found[key] = found.get(key, 0.0) + value
        return found

    def total(self, name: str, **wanted: str) -> float:
        """The sum of the series that have the wanted labels."""
        return self.by(name, **wanted).get((), 0.0)

    def has(self, name: str) -> bool:
        """Whether there is such a metric."""
        return bool(self.series.get(name))


def scrape(address: SocketAddress) -> Scrape:
    """Ask the service. Raises ScrapeError."""
    status, body = _get(address, "/metrics")
    if status == HTTPStatus.FORBIDDEN:
        raise ScrapeError(
            f"{address} does not answer this machine", "name its address in metrics.networks"
        )
    if status != HTTPStatus.OK:
        raise ScrapeError(f"{address} answers /metrics with {status}", "mailtriage doctor")
    series = read_series(body.decode("utf-8", "replace"))
    if names.BUILD not in series:
        raise ScrapeError(
            f"what answers at {address} is not mailtriage",
            "compare metrics.listen: mailtriage config",
        )
    status, body = _get(address, "/readyz")
    lines = body[:4096].decode("utf-8", "replace").splitlines()[:MOST_LINES]
    unready = tuple(filter(None, lines)) if status != HTTPStatus.OK else ()
    return Scrape(time.time(), time.monotonic(), series, unready)


def read_series(text: str) -> dict[str, dict[Labels, float]]:
    """The metrics of `SHOWN` out of the text format. Raises ScrapeError when it is none."""
    wanted = tuple(SHOWN)
    # Not splitlines(): of all ends of a line the format escapes but one in a label's value.
    lines = (line for line in text.split("\n") if line.startswith(wanted))
    found: dict[str, dict[Labels, float]] = {}
    try:
        for family in text_string_to_metric_families("\n".join((*lines, ""))):
            for sample in family.samples:
                value = float(sample.value)
                if math.isfinite(value):
                    labels = tuple(sorted(sample.labels.items()))
                    found.setdefault(sample.name, {})[labels] = value
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ScrapeError("the answer to /metrics cannot be read") from error
    return found


def _get(address: SocketAddress, page: str) -> tuple[int, bytes]:
    """Status and body of one page."""
    connection = _Connection(address)
    until = time.monotonic() + TIME_LIMIT
    try:
        connection.request("GET", page, headers={"Accept": "text/plain", "Connection": "close"})
        response = connection.getresponse()
        body = bytearray()
        while part := response.read1(65536):
            body += part
            if len(body) > MOST_BYTES or time.monotonic() > until:
                raise ScrapeError(f"{address} answers {page} without an end")
        return response.status, bytes(body)
    except PermissionError as error:
        raise ScrapeError(
            f"{address}: permission denied", "run it as root, or as the user of the service"
        ) from error
    except TimeoutError as error:
        raise ScrapeError(
            f"{address} does not answer within {TIME_LIMIT:.0f} s", "mailtriage doctor"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        raise ScrapeError(
            f"nobody answers at {address} ({reason}): is the service running?",
            "systemctl status mailtriage (a changed metrics.listen needs a restart)",
        ) from error
    except (http.client.HTTPException, ValueError) as error:
        raise ScrapeError(f"what answers at {address} does not speak HTTP") from error
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """To wherever `metrics.listen` may be: a port, or a socket in the file system."""

    def __init__(self, address: SocketAddress) -> None:
        super().__init__(address.host or "localhost", address.port or None, timeout=TIME_LIMIT)
        self._path: Final = address.path

    def connect(self) -> None:
        if not self._path:
            super().connect()
            return
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(TIME_LIMIT)
            sock.connect(self._path)
        except OSError:
            sock.close()
            raise
        self.sock = sock
