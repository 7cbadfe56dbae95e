"""When two subjects are the same: what mail programs add to them does not count."""

import regex

_PREFIX = regex.compile(
    # Two or three letters, a number or not, and a colon: "Re:", "AW:", "SV:", "RE[2]:", "Re (3):";
    # the longer ones by name. Then what is put in brackets, by lists and helpdesks.
    r"(?:(?:\p{L}{2,3}|antw|doorst|vast|odp|antwort|antwoord|\u8f6c\u53d1|\u56de\u590d|\u8fd4\u4fe1)"
    r"\s?(?:[\[(]\d{1,3}[\])])?\s?[:\uff1a]|\[[^\[\]]{0,80}\])\s*+",
    regex.IGNORECASE,
)
_MOST = 1000
"""Characters of a subject that are looked at."""


def plain_subject(subject: str) -> str:
    """A subject without "Re:" and the like, "[tags]", case and blanks; may be empty."""
    text = " ".join(subject[:_MOST].split())
    start = 0
    while (found := _PREFIX.match(text, start)) is not None:
        start = found.end()
    return text[start:].strip().casefold()
