"""X-Mailtriage-Seal: what the analysis found out for the desk, signed together with the tags.

The desk gets a copy of the mail from Postfix, and believes the tags on it only with our seal: they
might have come with the mail while the milter was down. A mail without a seal it judges itself.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.model import Generic, Source
from mailtriage.acks.tokens import Tokens, key_of_text, key_text

_FORM: Final = re.compile(
    r"v=1; key=([a-z2-7]{26}); box=([a-z2-7]{13}); rule=([a-z]\d{1,2}|-); "
    r"to=(sender|from|reply-to); say=(all|encrypted|empty|unseen); subject=([01]); "
    r"short=([01]); conf=(\d{3}); client=([0-9a-f]{8}|[0-9a-f]{16}|-); at=(\d{1,12})"
    r"(?:; kb=(\d{1,2}))?(; settled=1)?"
)
_MAC: Final = re.compile(r"(.{1,200}); mac=([a-z2-7]{26})")
_SOURCES: Final[dict[str, Source]] = {"sender": "sender", "from": "from", "reply-to": "reply-to"}
_GENERIC: Final[dict[str, Generic]] = {
    "all": "",
    "encrypted": "encrypted",
    "empty": "empty",
    "unseen": "unseen",
}

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the desk cannot see from the header of its copy."""

    mailbox: str
    """`Tokens.mailbox_name` of the service mailbox."""
    rule: str
    """Id of the rule that forbids an acknowledgement; empty when none does."""
    source: Source
    generic: Generic
    repeat_subject: bool
    short: bool
    """Whether the mail says no more than three lines of its own (rule F13)."""
    confidence: int
    """Of the language, in per cent."""
    client: str
    """Address of the SMTP client, of IPv6 only the network; empty when unknown."""
    at: int
    """When it came in, seconds since the epoch."""
    passage: int = -1
    """Which paragraph of the section in X-Mailtriage-Kb the customer is shown; -1: none."""
    settled: bool = False
    """Whether the customer says that nothing more need be done (acks/settled.py)."""


def write_seal(tokens: Tokens, key: bytes, fields: Fields, facts: Facts) -> str:
    """Value of X-Mailtriage-Seal for a mail that gets these header fields of ours."""
    say = facts.generic or "all"
    text = (
        f"v=1; key={key_text(key)}; box={facts.mailbox}; rule={facts.rule.lower() or '-'}; "
        f"to={facts.source}; say={say}; subject={facts.repeat_subject:d}; "
        f"short={facts.short:d}; conf={facts.confidence:03d}; "
        f"client={_hexadecimal(facts.client) or '-'}; at={facts.at}"
    )
    if facts.passage >= 0:
        text += f"; kb={facts.passage}"
    if facts.settled:
        text += "; settled=1"
    return f"{text}; mac={tokens.seal(_sealed(key, fields, text))}"


def read_seal(tokens: Tokens, key: bytes, fields: Fields, value: str) -> Facts | None:
    """The facts; None unless the seal is ours, for this mail and for these very fields."""
    signed = _MAC.fullmatch(value)
    if signed is None or not tokens.is_sealed(_sealed(key, fields, signed[1]), signed[2]):
        return None
    found = _FORM.fullmatch(signed[1])
    if found is None or found[1] != key_text(key):
        return None
    return Facts(
        mailbox=found[2],
        rule="" if found[3] == "-" else found[3].upper(),
        source=_SOURCES[found[4]],
        generic=_GENERIC[found[5]],
        repeat_subject=found[6] == "1",
        short=found[7] == "1",
        confidence=int(found[8]),
        client=_address(found[9]),
        at=int(found[10]),
        passage=int(found[11] or -1),
        settled=found[12] is not None,
    )


def claimed_key(value: str) -> bytes:
    """The dedupe key that a seal names; empty when it names none. Only `read_seal` tells whether
    that is true: what comes by the sweeper has its key from here, for Postfix may have rewritten
    the reverse-path that keys are made of (SRS) between the milter and the desk."""
    found = _FORM.match(value)
    return key_of_text(found[1]) if found is not None else b""


def _hexadecimal(address: str) -> str:
    """An IP address without the dots and colons that no value of ours has; of IPv6 the /64, by
    which clients are counted. Empty for anything else."""
    try:
        return ipaddress.ip_address(address).packed[:8].hex()
    except ValueError:
        return ""


def _address(digits: str) -> str:
    if digits == "-":
        return ""
    packed = bytes.fromhex(digits)
    return str(ipaddress.ip_address(packed if len(packed) == 4 else packed + bytes(8)))


def _sealed(key: bytes, fields: Fields, text: str) -> bytes:
    # Names in lower case: a relay may spell them as it likes. The lengths keep "a", "bc" apart from
    # "ab", "c".
    parts = [part for name, value in fields for part in (name.lower(), value)]
    encoded = [part.encode("utf-8", "surrogatepass") for part in (*parts, text)]
    return key + b"".join(len(part).to_bytes(4) + part for part in encoded)
