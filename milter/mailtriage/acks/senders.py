"""Rules A: who sent it."""

import re
from functools import lru_cache
from typing import Final

import regex

from mailtriage.acks import robots
from mailtriage.acks.domains import is_within, to_ascii
from mailtriage.acks.model import Case, Rule
from mailtriage.config.sections import Config
from mailtriage.mail.address import parse_mailboxes
from mailtriage.mail.domains import same_address

_PATTERN_SECONDS: Final = 0.02
"""What one pattern of ack.deny may take on one address."""

_MAX_LOCAL: Final = 64  # octets; RFC 5321 section 4.5.3.1
_MAX_ADDRESS: Final = 254  # 256 octets of path, less the angle brackets
# RFC 5321 section 4.1.2, with RFC 6531 section 3.3 above ASCII.
_ATEXT: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]"
_LOCAL: Final = re.compile(
    rf'{_ATEXT}+(?:\.{_ATEXT}+)*|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"', re.IGNORECASE
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# RFC 2606, 6761, 6762, 7686, 8375, 9476, and what ICANN keeps out of DNS for private use. "example"
# is not among them: documentation and the demonstration write from it, and a domain that is not in
# DNS cannot be authenticated (rule D3).
_NOWHERE: Final = ("invalid", "local", "localhost", "test", "internal", "lan", "onion", "alt",
                   "home.arpa")  # fmt: skip


def _people(case: Case) -> tuple[str, ...]:
    """Who may be behind the mail, in lower case: where the answer would go, reverse-path, From:.

    A web form that the administrator trusts (source "reply-to") writes from a robot's address by
    nature: there, the one who filled it in counts alone.
    """
    where = case.destination
    if where.source == "reply-to":
        return (where.address.lower(),)
    found = (where.address, case.mail.envelope.sender, *_authors(case))
    return tuple(dict.fromkeys(address.lower() for address in found if address))


def _authors(case: Case) -> tuple[str, ...]:
    fields = case.mail.headers.fields("From")
    return tuple(box.address for field in fields for box in parse_mailboxes(field.raw))


def _null_sender(case: Case) -> str | None:
    return None if case.mail.envelope.sender else ""


def _unusable(case: Case) -> str | None:
    address = case.destination.address
    if not address:
        return None  # rules A11 and I
    local, _, domain = address.rpartition("@")
    if domain.startswith("["):
        return "literal"
    octets = len(address.encode("utf-8", "surrogatepass"))
    if octets > _MAX_ADDRESS or len(local.encode("utf-8", "surrogatepass")) > _MAX_LOCAL:
        return "length"
    ascii_domain = to_ascii(domain)
    labels = ascii_domain.split(".")
    well_formed = all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()
    if _LOCAL.fullmatch(local) is None or not well_formed or domain.endswith("."):
        return "syntax"
    if any(is_within(ascii_domain, nowhere) for nowhere in _NOWHERE):
        return "reserved"
    return "single-label" if len(labels) == 1 else None


def _system(case: Case) -> str | None:
    if any(robots.is_system(address) for address in _people(case)):
        return ""
    # Who is answered by From: is so just because a service with bounce addresses sent the mail.
    skipped = case.mail.envelope.sender.lower() if case.destination.source == "from" else ""
    bounces = (robots.is_bounce(address) for address in _people(case) if address != skipped)
    return "bounce-address" if any(bounces) else None


def _no_reply(case: Case) -> str | None:
    further = case.config.ack.robots
    return "" if any(robots.is_no_reply(address, further) for address in _people(case)) else None


def _role(case: Case) -> str | None:
    for address in _people(case):
        plain = robots.without_detail(robots.unwrapped(address))
        if robots.is_role(address) and plain not in case.config.ack.allow:
            return plain.rpartition("@")[0]
    return None


def _own(case: Case) -> str | None:
    named = (("sender", _people(case)), ("reply-to", _reply_to(case)))
    for where, addresses in named:
        if any(is_own(address, case.config) for address in addresses):
            return where
    return None


def _reply_to(case: Case) -> tuple[str, ...]:
    if case.destination.source == "reply-to":
        return ()
    fields = case.mail.headers.fields("Reply-To")
    return tuple(box.address for field in fields for box in parse_mailboxes(field.raw))


def is_own(address: str, config: Config) -> bool:
    """Whether mail to this address comes back to the organisation: a mailbox, one of its aliases,
    what it writes from or is answered at, one of ack.own_addresses, or in the domain of
    [return_addresses]. "+detail" does not matter.
    """
    plain = robots.without_detail(robots.unwrapped(address))
    if plain in config.mailboxes.by_address:
        return True
    if any(plain in (box.sender, box.reply_to) for box in config.mailboxes.mailboxes):
        return True
    own, domain = config.ack.own_addresses, plain.rpartition("@")[2]
    return plain in own or f"@{domain}" in own or domain == config.follow_ups.returns.domain != ""


def _denied(case: Case) -> str | None:
    # Here a web form's own addresses count, too: the administrator named them.
    written = (*_people(case), case.mail.envelope.sender.lower(), *_authors(case))
    plain = (robots.without_detail(robots.unwrapped(address)) for address in written)
    addresses = dict.fromkeys((*written, *plain, *map(same_address, written)))
    for entry in case.config.ack.deny:
        for address in addresses:
            found = _matches(entry, address)
            if found is not None:
                return found
    return None


def _matches(entry: str, address: str) -> str | None:
    if len(entry) > 2 and entry.startswith("/") and entry.endswith("/"):
        try:
            hit = _pattern(entry).search(address, timeout=_PATTERN_SECONDS)
        except TimeoutError:
            return "pattern-timeout"  # nobody knows whether it would have matched
        return "pattern" if hit else None
    if entry.startswith("@"):
        return "domain" if is_within(address.rpartition("@")[2], entry[1:]) else None
    return "address" if address == entry.lower() else None


@lru_cache(maxsize=1024)
def _pattern(entry: str) -> regex.Pattern[str]:
    """The configuration is refused when one does not compile."""
    return regex.compile(entry[1:-1], regex.IGNORECASE)


def _undeliverable(case: Case) -> str | None:
    if case.history.complained:
        return "complaint"
    return "" if case.history.undeliverable else None


def _bulk_envelope(case: Case) -> str | None:
    if case.destination.source != "sender":
        return None
    hit = robots.is_bulk_envelope(case.mail.envelope.sender, case.mail.from_address)
    return "" if hit else None


def _no_single_author(case: Case) -> str | None:
    """RFC 6854 section 4: an empty group in From: says that there is nobody to answer."""
    source = case.destination.source
    authors = len(_authors(case))
    if authors == 0 and source != "reply-to" and "From" in case.mail.headers:
        return "no-mailbox"
    return "several" if authors != 1 and source == "from" else None


def _no_utf8(case: Case) -> str | None:
    """RFC 6531 section 3.3: beyond ASCII a local part is UTF-8, and nobody may convert it."""
    local = case.destination.local_part
    try:
        local.encode("utf-8")
    except UnicodeEncodeError:
        return ""
    return "" if "\ufffd" in local else None


RULES: Final[tuple[Rule, ...]] = (
    Rule("A1", "the reverse-path is empty", _null_sender),
    Rule("A2", "no mail can be sent to the address that would be answered", _unusable),
    Rule("A3", "a mail system or a list manager writes from this address", _system),
    Rule("A4", "nobody reads what is sent to this address", _no_reply),
    Rule("A5", "it comes from a role address, behind which a robot may be", _role),
    Rule("A6", "the answer would come back to us", _own),
    Rule("A7", "the sender is in ack.deny", _denied),
    Rule("A8", "mail to this sender could not be delivered", _undeliverable, uses_history=True),
    Rule("A10", "the reverse-path looks like that of bulk mail", _bulk_envelope),
    Rule("A11", "From: does not name one author", _no_single_author),
    Rule("A12", "the address is not valid UTF-8", _no_utf8),
)
