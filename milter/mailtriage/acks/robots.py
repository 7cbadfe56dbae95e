"""What the local part of an address tells: that no person reads it, or whose it really is.

All patterns are anchored: "powner" owns nothing, "mary.request.smith" is a person. Addresses are in
lower case here, as are the patterns.
"""

import re
from functools import lru_cache
from typing import Final

from mailtriage.acks.domains import aligned, to_ascii

# RFC 5230 section 4.6 asks for such a list. What mail systems, list managers and Unix write from.
_SYSTEM: Final = re.compile(
    r"mailer-daemon|listserv|majordomo|owner-.+|.+-owner|.+-request|.+-bounces?|.+-relay"
    r"|uucp|mailer|daemon|root|server|nobody|www-data"
)
_BOUNCE: Final = re.compile(r"bounces?(?:[-+=._].*)?")
_NO_REPLY: Final = re.compile(
    r"(?:.+[-._])?no[-._]?reply.*|(?:.+[-._])?do[-._]?not[-._]?reply.*|not[-._]?reply"
    r"|nicht[-._]?antworten|keine[-._]?antwort|ne[-._]?pas[-._]?repondre|no[-._]?responder"
    r"|non[-._]?rispondere|nao[-._]?responder|niet[-._]?(?:be)?antwoorden|svara[-._]?(?:ej|inte)"
    r"|ikke[-._]?svar|ei[-._]?vastata|nie[-._]?odpowiadaj"
)
ROLES: Final = frozenset({"postmaster", "abuse", "hostmaster", "security"})
"""RFC 2142 mailboxes that robots write from; often enough people, too (rule A5)."""

# Sender Rewriting Scheme, and what Exchange Online makes of it (user+SRS=hash=time=domain=local).
_SRS0: Final = re.compile(r"(?:.+\+srs|srs0)[-+=][^=]*=[^=]*=([^=]+)=(.+)")
_SRS1: Final = re.compile(r"srs1[-+=][^=]*=[^=]+=[-+=][^=]*=[^=]*=([^=]+)=(.+)")
# Bounce Address Tag Validation: prvs=tag=local, or with both the other way round.
_BATV: Final = re.compile(r"prvs=(?:[0-9a-f]{10}=(.+)|(.+)=[0-9a-f]{10})|btv1==[^=]*==(.+)")

_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_DOT_ATOM: Final = re.compile(r"[^\s()<>\[\]:;@\\,\".]+(?:\.[^\s()<>\[\]:;@\\,\".]+)*")

# One address a recipient: "news-help=desk.example", "b-1a2b3c4d5e6f7a8b", a UUID.
_VERP: Final = re.compile(r"[^=]+=[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_TOKEN: Final = re.compile(
    r"(?:.*[-+=._])?(?:[0-9a-f]{16,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f-]{4,})"
    r"(?:[-+=._].*)?"
)
_BOUNCE_HOST: Final = re.compile(r"(?:bounces?|bnc|em|rp|pm-bounces|email-bounces|returns?)\d*\..+")
_BULK_SENDERS: Final = frozenset({
    "amazonses.com", "brevosend.com", "cmail19.com", "cmail20.com", "createsend.com",
    "exacttarget.com", "hubspotemail.net", "klaviyomail.com", "mailchimpapp.net", "mailgun.net",
    "mailgun.org", "mailjet.com", "mandrillapp.com", "mcdlv.net", "mcsv.net", "mtasv.net",
    "rsgsv.net", "sender-sib.com", "sendgrid.net", "sendinblue.com", "sparkpostmail.com",
})  # fmt: skip


def unwrapped(address: str) -> str:
    """The address within one that a forwarder (SRS) or BATV made; the same one when it is plain.

    Quotes that a local part does not need are left out (RFC 5321 section 4.1.2: "joe" is joe).
    """
    local, at, domain = address.lower().rpartition("@")
    if local.startswith('"') and local.endswith('"'):
        plain = _QUOTED_PAIR.sub(r"\1", local[1:-1])
        local = plain if _DOT_ATOM.fullmatch(plain) else local
    forwarded = _SRS0.fullmatch(local) or _SRS1.fullmatch(local)
    if forwarded is not None:
        return f"{forwarded[2]}@{forwarded[1]}"
    tagged = _BATV.fullmatch(local)
    if tagged is not None:
        return f"{tagged[1] or tagged[2] or tagged[3]}{at}{domain}"
    return f"{local}{at}{domain}"


def without_detail(address: str) -> str:
    """The address in lower case without "+detail" (RFC 5233) and needless quotes."""
    local, at, domain = (
        unwrapped(address).rpartition("@") if '"' in address else (address.lower().rpartition("@"))
    )
    plain = local.split("+", 1)[0] or local
    return f"{plain}{at}{to_ascii(domain)}"


def is_system(address: str) -> bool:
    """Whether a mail system or a list manager writes from it (bounce addresses apart)."""
    return _holds(_SYSTEM, address)


def is_bounce(address: str) -> bool:
    """Whether it was made to take bounces."""
    return _BOUNCE.fullmatch(unwrapped(address).rpartition("@")[0]) is not None


def is_no_reply(address: str, further: tuple[str, ...] = ()) -> bool:
    """Whether it says that nobody reads it, or is one of `further` (local parts; * is any rest)."""
    return _holds(_NO_REPLY, address) or (bool(further) and _holds(_any_of(further), address))


def is_role(address: str) -> bool:
    """Whether it is one of `ROLES`."""
    return without_detail(unwrapped(address)).rpartition("@")[0] in ROLES


def is_bulk_envelope(envelope: str, author: str) -> bool:
    """Whether the reverse-path looks like bulk mail's, and is of another organisation than From:.

    Addresses that SRS or BATV made look like it, and are people's.
    """
    lower = envelope.lower()
    local, _, domain = lower.rpartition("@")
    if not author or unwrapped(lower) != lower or aligned(domain, author.rpartition("@")[2]):
        return False
    return (
        is_bounce(lower)
        or _VERP.fullmatch(local) is not None
        or _TOKEN.fullmatch(local) is not None
        or _BOUNCE_HOST.fullmatch(domain) is not None
        or any(domain == sender or domain.endswith(f".{sender}") for sender in _BULK_SENDERS)
    )


def _holds(pattern: re.Pattern[str], address: str) -> bool:
    local = unwrapped(address).rpartition("@")[0]
    return pattern.fullmatch(local) is not None or (
        "+" in local and pattern.fullmatch(local.split("+", 1)[0]) is not None
    )


@lru_cache(maxsize=8)
def _any_of(local_parts: tuple[str, ...]) -> re.Pattern[str]:
    """Few, short and from the configuration: ".*" stands between literals only."""
    return re.compile("|".join(re.escape(part).replace(r"\*", ".*") for part in local_parts))
