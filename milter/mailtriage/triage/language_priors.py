"""What is known of the writer's language before their words are read: it breaks ties, no more."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.triage.language_detectors import our_code
from mailtriage.triage.language_formulas import CHARSETS, COUNTRIES

_TAG: Final = re.compile(r"\s*([A-Za-z]{2,3})(?=[-_,;\s]|$)")
_CHARSET: Final = re.compile(r"charset\s?=\s?\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)


def header_language(mail: Mail) -> str:
    """What Content-Language, else Accept-Language, says first; empty when they say nothing."""
    for name in ("Content-Language", "Accept-Language"):
        found = _TAG.match(mail.headers.first(name))
        if found:
            return our_code(found.group(1).lower())
    return ""


def hints(mail: Mail, prior: Sequence[str]) -> Iterator[tuple[str, float, str]]:
    """Languages that may win a tie, the best hint first: code, weight from 0 to 1, and why.

    A conversation and a mailbox are surer than a header that a program wrote, and that is surer
    than a country or a charset.
    """
    for place, code in enumerate(prior):
        yield our_code(code.lower()), 1.0 if not place else 0.6, f"prior {code}"
    header = header_language(mail)
    if header:
        yield header, 0.8, f"header {header}"
    country = COUNTRIES.get(mail.from_address.rpartition(".")[2])
    if country:
        yield country, 0.5, f"sender's country {country}"
    charset = _CHARSET.search(mail.headers.first("Content-Type"))
    if charset:
        for code in CHARSETS.get(charset.group(1).lower(), ()):
            yield code, 0.3, f"charset {charset.group(1).lower()}"
