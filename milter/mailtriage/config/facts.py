"""The facts of a mail that a helpdesk can be told, and the words that each of them can be.

One list for the profiles, the configuration and `mailtriage pipe`. The words are those of
docs/headers.md.
"""

import re
from typing import Final

LEVELS: Final = ("urgent", "high", "normal", "low")

CLOSED: Final[dict[str, tuple[str, ...]]] = {
    "priority": LEVELS,
    "tier": ("vip", "gold", "standard", "unknown"),
    "churn": ("high", "medium", "low"),
    "mood": ("positive", "neutral", "negative"),
    "kind": ("human", "machine", "bounce", "list"),
    "thread": ("new", "reply", "chaser"),
}
"""Facts that are one of a few words."""

ROUTE: Final = "route"
SKILL: Final = "skill"
BY_SKILL: Final = (SKILL, ROUTE)
"""Facts whose words the policies give; those of a route are "skill-language"."""

OPEN: Final = ("score", "language", "topic", "kb")
"""Facts of many values: not all of them can be asked to have a word."""

FACTS: Final = (*CLOSED, *BY_SKILL, *OPEN)

LANGUAGE: Final = re.compile(r"[a-z]{2,8}")
"""What may stand behind the last hyphen of a route."""

_PLACE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(text: str) -> list[str]:
    """The names in braces of a text, in order; "" for `{}`. `{{` and `}}` are braces themselves.

    Raises ValueError for a brace that stands alone.
    """
    found = []
    for place in _PLACE.finditer(text):
        if place[0] in ("{", "}"):
            raise ValueError(f"a '{place[0]}' alone")
        if place[1] is not None:
            found.append(place[1])
    return found


def filled(text: str, words: dict[str, str]) -> str:
    """The text with its placeholders replaced; each must be in `words`."""

    def word(place: re.Match[str]) -> str:
        return place[0][0] if place[1] is None else words[place[1]]

    return _PLACE.sub(word, text)
