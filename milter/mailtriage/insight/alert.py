"""What a team is told of a surge: as a mail, as JSON for a webhook; and when to try again.

Nothing is sent here. All that comes from customers is words of letters (phrases.py), counted by at
least four people; names of series, languages and queue ids are checked, so that nothing a stranger
wrote can become a header field, a link or markup.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from mailtriage.insight.counts import MOST_SENDERS, Series

State = Literal["started", "ended", "settled"]

SIGNATURE_FIELD: Final = "X-Mailtriage-Signature"
"""`t=1763913600,v1=<hex>`: HMAC-SHA256 of "t.body", as Stripe's webhooks do it."""
KEY_AT_LEAST: Final = 16
"""Bytes of a key that calls are signed with."""
TOLERANCE: Final = 300
"""Seconds by which a receiver's clock may differ, and in which a signature can be replayed."""

RETRIES: Final = (10, 60, 300, 1800, 7200, 21600, 43200)
"""Seconds before each further try: about 20 hours in all."""
_LONGEST_WAIT: Final = 86400
_GONE: Final = 410

_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_LANGUAGE: Final = re.compile(r"[a-z0-9-]{2,35}")
_QUEUE_ID: Final = re.compile(r"[A-Za-z0-9]{4,32}")
_PHRASE: Final = re.compile(r"[\w#…’' -]{1,80}")


@dataclass(frozen=True, slots=True)
class Alert:
    """A surge that began or is over. Raises ValueError where a part is not what it should be."""

    series: Series
    state: State
    since: datetime
    """When the rise began (aware)."""
    at: datetime
    """When it was noticed, or when it was over (aware)."""
    observed: int
    expected: float
    senders: int
    languages: tuple[tuple[str, int], ...] = ()
    """(language, mails), most first."""
    phrases: tuple[str, ...] = ()
    queue_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks = [
            (_NAME, (self.series.name,)),
            (_LANGUAGE, tuple(language for language, _ in self.languages)),
            (_PHRASE, self.phrases),
            (_QUEUE_ID, self.queue_ids),
        ]
        for pattern, texts in checks:
            for text in texts:
                if not pattern.fullmatch(text):
                    raise ValueError(f"not fit for an alert: {text[:80]!r}")
        if self.since.tzinfo is None or self.at.tzinfo is None:
            raise ValueError("an alert's times need a zone")

    @property
    def factor(self) -> float:
        """How many times as much as usual; against half a mail at least."""
        return self.observed / max(self.expected, 0.5)

    @property
    def id(self) -> str:
        """The same for the same surge and state, on every node and at every try."""
        key = f"{self.series.kind}\0{self.series.name}\0{self.state}\0{int(self.since.timestamp())}"
        return hashlib.sha256(key.encode()).hexdigest()[:24]


MORE: Final = 1.3
"""So many times as much as before is more than before."""


def summary(alert: Alert, zone: ZoneInfo) -> str:
    """One line: "topic refunds: 41 mails since 09:00, 12 expected (3.4 times), 38 senders"."""
    name = _name(alert.series)
    since = _moment(alert.since, alert.at, zone)
    if alert.state == "settled" and alert.factor >= MORE:
        return f"{name}: {alert.factor:.1f} times as much mail as before is the new usual"
    if alert.state in ("ended", "settled"):
        return f"{name}: back to the usual amount of mail"
    return (
        f"{name}: {alert.observed} mails since {since}, {_count(alert.expected)} expected "
        f"({alert.factor:.1f} times), {_people(alert.senders)}"
    )


def mail_text(alerts: Sequence[Alert], zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body of one mail for all that an evaluation found. Raises ValueError for none."""
    if not alerts:
        raise ValueError("a mail about nothing")
    first = max(alerts, key=lambda alert: (alert.state == "started", alert.factor))
    subject = f"[mailtriage] {summary(first, zone)}"
    if len(alerts) > 1:
        subject += f", and {len(alerts) - 1} more"
    return subject, "\n".join(_paragraph(alert, zone) for alert in alerts) + _FOOT


_FOOT: Final = """
What is expected comes from this helpdesk's own past: how much of it there was lately, at this hour
of the week. The threshold rises by itself where alerts come too often.
"""


def _paragraph(alert: Alert, zone: ZoneInfo) -> str:
    lines = [f"{summary(alert, zone)}."]
    if alert.languages:
        shares = ", ".join(f"{language} ({mails})" for language, mails in alert.languages)
        lines.append(f"  Languages: {shares}")
    if alert.phrases:
        phrases = ", ".join(f'"{phrase}"' for phrase in alert.phrases)
        lines.append(f"  Typical phrases: {phrases}")
    if alert.queue_ids:
        lines.append(f"  Examples (queue ids): {', '.join(alert.queue_ids)}")
    return "\n".join(lines) + "\n"


def _name(series: Series) -> str:
    if series.kind == "unsure":
        return "mail that no skill or topic fits"
    return f"{series.kind} {series.name}"


def _moment(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A clock time; with the day when it is not today."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.date() == today.date() - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local:%H:%M}"


# Not strftime: the words would change with the locale of the process.
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _count(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}"


def _people(senders: int) -> str:
    return f"at least {senders} senders" if senders >= MOST_SENDERS else f"{senders} senders"


def webhook_body(alert: Alert) -> bytes:
    """JSON, ASCII, keys in a fixed order; `version` changes when a key changes its meaning."""
    return json.dumps(
        {
            "version": 1,
            "type": f"surge.{alert.state}",
            "id": alert.id,
            "at": _utc(alert.at),
            "since": _utc(alert.since),
            "kind": alert.series.kind,
            "name": alert.series.name,
            "observed": alert.observed,
            "expected": round(alert.expected, 2),
            "factor": round(alert.factor, 2),
            "senders": alert.senders,
            "languages": dict(alert.languages),
            "phrases": list(alert.phrases),
            "queue_ids": list(alert.queue_ids),
        }
    ).encode("ascii")


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sign(body: bytes, keys: Sequence[bytes], now: int) -> str:
    """The value of `SIGNATURE_FIELD`. Several keys while one is being replaced: each signs."""
    marks = "".join(f",v1={_mac(key, now, body)}" for key in keys)
    return f"t={now}{marks}"


def verify(body: bytes, value: str, key: bytes, now: int) -> bool:
    """What a receiver does: some signature fits, and it is no older than `TOLERANCE`."""
    match = re.fullmatch(r"t=(\d{1,12})((?:,v1=[0-9a-f]{64}){1,8})", value, re.ASCII)
    if match is None or abs(now - int(match[1])) > TOLERANCE:
        return False
    expected = _mac(key, int(match[1]), body)
    return any(
        hmac.compare_digest(expected, each) for each in re.findall(r"[0-9a-f]{64}", match[2])
    )


def _mac(key: bytes, now: int, body: bytes) -> str:
    return hmac.new(key, b"%d." % now + body, hashlib.sha256).hexdigest()


def next_try(
    alert_id: str, tries: int, status: int | None, retry_after: int | None = None
) -> float | None:
    """Seconds until the next try, after `tries` (1 or more) that failed; None: give up, or done.

    `status`: of the answer, None when there was none. 2xx is done; 410 means that nobody will ever
    listen there; everything else, redirects included, may be mended by somebody and is tried again.
    A tenth more or less, the same for the same alert: after an outage not all come at once.
    """
    if status is not None and (200 <= status < 300 or status == _GONE):
        return None
    if tries > len(RETRIES):
        return None
    digest = hashlib.sha256(f"{alert_id}.{tries}".encode()).digest()
    wait = RETRIES[tries - 1] * (0.9 + 0.2 * digest[0] / 255)
    return min(max(wait, float(retry_after or 0)), float(_LONGEST_WAIT))
