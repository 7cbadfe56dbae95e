"""Domain names: as DNS knows them, and whose they are."""

from typing import Final

from mailtriage.mail.domains import to_ascii

__all__ = ["aligned", "is_within", "organisational", "to_ascii"]

# Second-level labels under which registries of countries sell names. The Public Suffix List names
# thousands more, and changes weekly. Where one is missing here (tokyo.jp), two strangers under it
# pass for one organisation; where one is here that a registry does not use, one organisation passes
# for two. Rules that forbid by a difference must therefore not be the only guard.
_SECOND_LEVEL: Final = frozenset({
    "ac", "asn", "co", "com", "csiro", "ed", "edu", "firm", "gen", "go", "gob", "gouv", "gov",
    "govt", "gr", "gv", "id", "ind", "info", "kiwi", "lg", "ltd", "maori", "me", "mil", "ne", "net",
    "nhs", "nic", "nom", "or", "org", "plc", "police", "priv", "sch", "school", "web",
})  # fmt: skip


def organisational(domain: str) -> str:
    """The organisational domain: what was registered, "example.co.uk" of "mail.example.co.uk".

    An approximation of RFC 7489 section 3.2, which wants a public suffix list: the last two labels,
    or three when the second but last is one that registries of countries sell names under.
    """
    labels = to_ascii(domain).split(".")
    sold_below = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if sold_below else labels[-2:])


def aligned(one: str, other: str) -> bool:
    """Whether both domains are of one organisation (RFC 7489 section 3.1, "relaxed").

    An empty domain is nobody's.
    """
    return bool(one and other) and organisational(one) == organisational(other)


def vouches(signer: str, domain: str) -> bool:
    """Whether a signature of one domain may stand for the other: of one organisation, and one of
    them the other or below it.

    Relaxed alignment alone would do with a public suffix list. Without one, neighbours who bought
    their names below "uk.com" would pass for one organisation.
    """
    return aligned(signer, domain) and (is_within(signer, domain) or is_within(domain, signer))


def is_within(domain: str, parent: str) -> bool:
    """Whether a domain is `parent` or below it."""
    name, above = to_ascii(domain), to_ascii(parent)
    return bool(above) and (name == above or name.endswith(f".{above}"))
