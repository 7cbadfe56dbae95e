"""The line that a phone or an app adds below a text: "Sent from my iPhone"."""

from collections.abc import Sequence
from typing import Final

from mailtriage.mail.phrases import by_first_word
from mailtriage.mail.reply_marks import (
    DEVICE_WORDS,
    FROM_ENDINGS,
    FROM_WORDS,
    SENT_WORDS,
    TAGLINES,
)

TAGLINE_WORDS: Final = by_first_word(TAGLINES)
"""The known taglines by their first word."""

_MAX_TAGLINE: Final = 120
_MAX_WORDS: Final = 9
_LAST_LINES: Final = 6
_MAX_LAST_WORD: Final = 75
_AROUND: Final = " \xa0)*_.!"
_APART: Final = str.maketrans(dict.fromkeys("()[]<>*_\"'’.,:;!|", " "))


def tagline_start(lines: Sequence[str], words: Sequence[str]) -> int:
    """Where the first known tagline stands, or one that is told by its words near the end.

    words: the first of each line, folded. Gives the number of lines when there is none.
    """
    if not TAGLINE_WORDS.keys().isdisjoint(words):
        for number, word in enumerate(words):
            if word in TAGLINE_WORDS and _is_known(lines[number]):
                return number
    top = 0
    while top < len(words) and not words[top]:
        top += 1
    looked_at = 0
    for number in range(len(lines) - 1, top, -1):
        word = words[number]
        if not word:
            continue
        looked_at += 1
        if looked_at > _LAST_LINES:
            break
        line = lines[number]
        if (
            word in SENT_WORDS
            or "utlook" in line
            or (line[-1] not in ".,?!:; " and len(line) <= _MAX_LAST_WORD and _ends_in_sent(line))
        ) and _stands_apart(lines, number):
            shown = line.strip()
            if len(shown) <= 2 * _MAX_TAGLINE and _is_worded(shown):
                return number
    return len(lines)


def _is_known(line: str) -> bool:
    if len(line) > _MAX_TAGLINE or (line[-1] in ".!?" and ", " in line):
        return False
    folded = line.strip(" \xa0*_-<>[](").casefold()
    phrases = TAGLINE_WORDS.get(folded.split(" ", 1)[0])
    return phrases is not None and folded.startswith(phrases)


def _stands_apart(lines: Sequence[str], number: int) -> bool:
    """True for the first or last line of a paragraph. number: not 0."""
    return (
        number + 1 == len(lines) or not lines[number - 1].strip() or not lines[number + 1].strip()
    )


def _ends_in_sent(line: str) -> bool:
    last = line.rstrip(_AROUND).rpartition(" ")[2].partition("<")[0]
    return last.casefold() in SENT_WORDS


def _is_worded(line: str) -> bool:
    """True for a short line that says "sent" at its beginning or end, and from what."""
    if line[-1] in "?!":
        return False
    link = line.find("http")
    shown = line[:link] if link > 0 else line
    if len(shown) > _MAX_TAGLINE:
        return False
    folded = shown.casefold()
    words = folded.translate(_APART).split()
    if not 2 <= len(words) <= _MAX_WORDS:
        return False
    if "outlook" in folded and (
        "aka.ms/" in line or (line[-1] != "." and ("ios" in words or "android" in folded))
    ):
        return True
    if sum(map(str.isdigit, folded)) > 3:
        return False
    if words[0] in SENT_WORDS:
        device, preposition = words[1:5], words[1]
    elif words[-1] in SENT_WORDS:
        device, preposition = words[-5:-1], words[0]
    else:
        return False
    # "Skickat telefonen till er" is a customer's sentence, "Skickat från telefonen" is a phone's.
    if preposition not in FROM_WORDS and not any(word.endswith(FROM_ENDINGS) for word in device):
        return False
    return any(known in word for word in device for known in DEVICE_WORDS)
