"""A few words of a paragraph, fit to be read in a mail."""

import re
from typing import Final

MOST: Final = 300
"""Characters of a quote: many customers then need no click."""
_SENTENCE_END: Final = re.compile(r"[.!?…][\"'”»)]*(?=\s|$)")
_ENOUGH: Final = 0.4
"""A whole sentence is better than more words, if it fills so much of the room."""


def quoted(text: str, most: int = MOST) -> str:
    """The beginning of a paragraph: whole sentences where they fill the room, else whole words
    and "…". At most `most` characters."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text, 0, most)]
    if ends and ends[-1] >= most * _ENOUGH:
        return text[: ends[-1]]
    cut = text.rfind(" ", 0, most - 1)
    return f"{text[: cut if cut > 0 else most - 1].rstrip(' ,;:–-')}…"
