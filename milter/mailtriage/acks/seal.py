"""X-Mailtriage-Seal: what the analysis found out for the desk, signed together with the tags.

The desk gets a copy of the mail from Postfix, and believes the tags on it only with our seal: they
might have come with the mail while the milter was down. A mail without a seal it judges itself.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.acks.model import Generic
from mailtriage.acks.tokens import Tokens

Source = Literal["sender", "from", "reply-to"]

_FORM: Final = re.compile(
    r"v=1; box=([a-z2-7]{13}); rule=([a-z]\d{1,2}|-); to=(sender|from|reply-to); "
    r"say=(all|encrypted|empty|unseen); subject=([01]); short=([01]); conf=(\d{3}); "
    r"client=([0-9a-f]{8}|[0-9a-f]{32}|-); at=(\d{1,12})"
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
    """Address of the SMTP client; empty when unknown."""
    at: int
    """When it came in, seconds since the epoch."""


def write_seal(tokens: Tokens, key: bytes, fields: Fields, facts: Facts) -> str:
    """Value of X-Mailtriage-Seal for a mail that gets these header fields of ours."""
    say = facts.generic or "all"
    text = (
        f"v=1; box={facts.mailbox}; rule={facts.rule.lower() or '-'}; to={facts.source}; "
        f"say={say}; subject={facts.repeat_subject:d}; short={facts.short:d}; "
        f"conf={facts.confidence:03d}; client={_hexadecimal(facts.client) or '-'}; at={facts.at}"
    )
    return f"{text}; mac={tokens.seal(_sealed(key, fields, text))}"


def read_seal(tokens: Tokens, key: bytes, fields: Fields, value: str) -> Facts | None:
    """The facts; None unless the seal is ours, for this mail and for these very fields."""
    signed = _MAC.fullmatch(value)
    if signed is None or not tokens.is_sealed(_sealed(key, fields, signed[1]), signed[2]):
        return None
    found = _FORM.fullmatch(signed[1])
    if found is None:
        return None
    return Facts(
        mailbox=found[1],
        rule="" if found[2] == "-" else found[2].upper(),
        source=_SOURCES[found[3]],
        generic=_GENERIC[found[4]],
        repeat_subject=found[5] == "1",
        short=found[6] == "1",
        confidence=int(found[7]),
        client="" if found[8] == "-" else str(ipaddress.ip_address(bytes.fromhex(found[8]))),
        at=int(found[9]),
    )


def _hexadecimal(address: str) -> str:
    """An IP address without the dots and colons that no value of ours has; empty for anything
    else."""
    try:
        return ipaddress.ip_address(address).packed.hex()
    except ValueError:
        return ""


def _sealed(key: bytes, fields: Fields, text: str) -> bytes:
    # Names in lower case: a relay may spell them as it likes. The lengths keep "a", "bc" apart from
    # "ab", "c".
    parts = [part for name, value in fields for part in (name.lower(), value)]
    encoded = [part.encode("utf-8", "surrogatepass") for part in (*parts, text)]
    return key + b"".join(len(part).to_bytes(4) + part for part in encoded)
