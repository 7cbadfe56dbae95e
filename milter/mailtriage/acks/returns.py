"""Addresses of ours that mail comes back to: bounces, votes, opt-outs, corrections.

They lie in a domain of their own ([return_addresses] domain), which Postfix hands to the desk and
to nobody else. Each says what it is for, and bears our signature: what cannot be read here is none
of ours. No address of a customer stands in any of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.acks.tokens import Tokens, key_of_text, key_text

Kind = Literal["bounce", "vote", "opt-out", "correction"]

_LETTERS: Final[Mapping[str, Kind]] = {
    "b": "bounce",
    "v": "vote",
    "o": "opt-out",
    "f": "correction",
}
_OF_KIND: Final = {kind: letter for letter, kind in _LETTERS.items()}
_ABOUT_MAIL: Final = re.compile(r"([bvo])1\.([a-z2-7]{26})\.([a-z2-7]{13})(?:\.([1-5]))?")
_CORRECTION: Final = re.compile(
    # RFC 5321 section 4.5.3.1.1: no local part is longer.
    r"(?=.{1,64}$)f1\.([a-z]{1,16})\.([a-z0-9_-]{1,40})\.([a-z2-7]{13})"
)
VOTES: Final = range(1, 6)
"""From very dissatisfied to very satisfied."""


@dataclass(frozen=True, slots=True)
class Return:
    """What such an address says."""

    kind: Kind
    key: bytes = b""
    """Outbox key of the mail of ours that it is about; empty for corrections."""
    vote: int = 0
    """1 to 5; 0 for all but votes."""
    facet: str = ""
    """What is corrected: skill, priority, language, answer."""
    value: str = ""
    """What it should have been."""


def return_address(tokens: Tokens, domain: str, what: Return) -> str:
    """The address, without angle brackets. Raises ValueError for what none can say."""
    letter = _OF_KIND[what.kind]
    if what.kind == "correction":
        local = f"f1.{what.facet}.{what.value}.{_signature(tokens, what)}"
        fits = _CORRECTION.fullmatch(local)
    else:
        end = f".{what.vote}" if what.kind == "vote" else ""
        local = f"{letter}1.{key_text(what.key)}.{_signature(tokens, what)}{end}"
        fits = _ABOUT_MAIL.fullmatch(local)
    if fits is None:
        raise ValueError(f"there is no return address for {what.kind} {what.facet} {what.value}")
    return f"{local}@{domain}"


def is_return_address(domain: str, address: str) -> bool:
    """Whether it lies in the domain, or has the form of our addresses, signed or not.

    The form is enough in any domain: after it was changed or taken away, customers have the old
    addresses for weeks.
    """
    local, _, written = address.lower().rpartition("@")
    return bool(written) and (written == domain.lower() or _form(local) is not None)


def read_return_address(tokens: Tokens, domain: str, address: str) -> Return | None:
    """The inverse; None when the address is not one of that domain that we signed. Case does not
    matter."""
    local, _, written = address.lower().rpartition("@")
    found = _form(local)
    if found is None or not domain or written != domain.lower():
        return None
    if found.re is _ABOUT_MAIL:
        kind = _LETTERS[found[1]]
        if (kind == "vote") != (found[4] is not None):
            return None
        what = Return(kind, key_of_text(found[2]), int(found[4] or 0))
        return what if tokens.is_returned(_signed(what), found[3]) else None
    what = Return("correction", facet=found[1], value=found[2])
    return what if tokens.is_returned(_signed(what), found[3]) else None


def _form(local: str) -> re.Match[str] | None:
    """What a local part in lower case says, signed or not."""
    return (_ABOUT_MAIL.fullmatch(local) or _CORRECTION.fullmatch(local)) if local else None


def _signature(tokens: Tokens, what: Return) -> str:
    return tokens.return_signature(_signed(what))


def _signed(what: Return) -> bytes:
    # Not the vote: who may say 5 may say 1.
    if what.kind == "correction":
        return f"{what.kind}.{what.facet}.{what.value}".encode()
    return what.kind.encode() + b"." + what.key
