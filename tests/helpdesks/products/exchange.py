"""Exchange with the rules of config/helpdesks/exchange/transport-rules.ps1. Nobody of us has run it.

Re-stated from Microsoft's documentation:

* MicrosoftDocs/office-docs-powershell, New-TransportRule.md: which parameters there are.
* Mail flow rule conditions and exceptions (predicates), property types `Words` and `Patterns`, and
  "multiple conditions, exceptions, and actions" in Mail flow rules: conditions AND, values OR.
* MS-OXCMAIL 2.2.3.2.5: Importance high, normal, low, before every other field of that kind.
* MS-OXCMAIL 2.2.3.2.7: the topic of a conversation is the subject without its prefix.
* MS-OXOMSG 2.2.1.77: X-Auto-Response-Suppress.

The words of the rules are read from the script, so that they cannot drift from it.
"""

import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from functools import cache
from typing import Final

from mailtriage.shipped import shipped_directory
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic, gmail

ROUTES: Final = {"billing-de": "billing-de@desk.example"}
SKILLS: Final = {"billing": "billing@desk.example", "delivery": "delivery@desk.example"}
LANGUAGES: Final = {"de": "german@desk.example"}
"""What these tests give the script as -Routes, -Skills and -Languages."""

_IMPORTANCE: Final = re.compile(r"@\{ Words = @\(([^)]*)\); Value = '(\w+)' \}")
_TEXT: Final = re.compile(r"'([^']*)'")


@cache
def script() -> str:
    """The text of transport-rules.ps1."""
    file = shipped_directory("config") / "helpdesks" / "exchange" / "transport-rules.ps1"
    return file.read_text(encoding="utf-8")


@cache
def importance_rules() -> dict[str, str]:
    """Word of X-Mailtriage-Priority to value of Importance, as the script has them."""
    rules = _IMPORTANCE.findall(script())
    return {word: value for words, value in rules for word in _TEXT.findall(words)}


def has_word(value: str, word: str) -> bool:
    """`Words`: not case-sensitive, surrounded by blanks and punctuation, no partial matches."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", value, re.IGNORECASE) is not None


def importance(mail: Message) -> str:
    """What Outlook shows after the rules; of several fields of a name any one may match."""
    for value in mail.get_all("X-Mailtriage-Priority", []):
        for word, level in importance_rules().items():
            if has_word(str(value), word):
                return level
    return str(mail.get("Importance", ""))


def redirected(
    mail: Message,
    routes: Mapping[str, str] = ROUTES,
    skills: Mapping[str, str] = SKILLS,
    languages: Mapping[str, str] = LANGUAGES,
) -> list[str]:
    """To whom the rules of -Routes, -Skills and -Languages redirect it: one of them, or nobody.

    The patterns are those that the script puts together, exceptions included.
    """

    def matches(name: str, pattern: str) -> bool:
        values = mail.get_all(f"X-Mailtriage-{name}", [])
        return any(re.search(pattern, str(value)) for value in values)

    exact = {key: rf"^\s*{key}\s*$" for key in routes}
    any_language = {key: rf"^\s*{key}-[a-z]+\s*$" for key in skills}
    found = [address for key, address in routes.items() if matches("Route", exact[key])]
    for key, address in skills.items():
        excepted = any(matches("Route", pattern) for pattern in exact.values())
        if matches("Skill", rf"^\s*{key}\s*$") and not excepted:
            found.append(address)
    for key, address in languages.items():
        patterns = (*exact.values(), *any_language.values())
        excepted = any(matches("Route", pattern) for pattern in patterns)
        named = [str(value) for value in mail.get_all("X-Mailtriage-Language", [])]
        if any(has_word(value, key) for value in named) and not excepted:
            found.append(address)
    return found


def take(raw: bytes, recipient: str) -> Taken:
    """After the rules: the mailbox as queue, Importance as priority."""
    mail, tags = message_from_bytes(raw), generic.take(raw, recipient)
    return Taken(
        robot=tags.robot or _wants_silence(mail),
        priority=importance(mail),
        queue=",".join(redirected(mail)),
        language=tags.language,
    )


def _wants_silence(mail: Message) -> bool:
    """Whether automatic replies are kept back: All, or the bits OOF and AutoReply."""
    words = str(mail.get("X-Auto-Response-Suppress", "")).lower().replace(",", " ").split()
    return bool({"all", "oof", "autoreply"} & set(words))


def joins(raw: bytes, ticket: Ticket) -> bool:
    """The same topic, and a reference besides: which of the two counts was not found."""
    same = gmail.topic(message_from_bytes(raw)) == gmail.topic(message_from_bytes(ticket.first))
    return same and generic.joins(raw, ticket)


PRODUCT: Final = Product(
    profile="exchange",
    take=take,
    joins=joins,
    threads="the same subject and References, in Outlook",
    evidence="documentation: New-TransportRule, MS-OXCMAIL 2.2.3.2.5 and 2.2.3.2.7",
)
