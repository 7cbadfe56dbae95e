"""Where a letter ends: before its signature block, its disclaimer, its newsletter footer.

What people type by hand at the end ("Mvh Anna") is part of the letter and stays; a closing that leads
into a block with a title, a company or a telephone number was put there by a program, and goes.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from mailtriage.mail import small_print
from mailtriage.mail.reply_marks import CLOSINGS, TAGLINES

_TAIL_LINES: Final = 14
_MAX_CONTACT: Final = 90
_MAX_TAGLINE: Final = 120
_MAX_PARAGRAPH: Final = 2000


def _by_first_word(table: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The phrases of a table under the first word of each: one look-up a line instead of hundreds."""
    found: dict[str, set[str]] = {}
    for phrases in table.values():
        for phrase in phrases:
            folded = phrase.casefold()
            found.setdefault(folded.split(" ", 1)[0], set()).add(folded)
    return {word: tuple(sorted(phrases)) for word, phrases in found.items()}


_TAGLINES: Final = _by_first_word(TAGLINES)
_OPENERS: Final = _by_first_word(small_print.DISCLAIMER_OPENERS)
_STANDALONE: Final = _by_first_word(small_print.STANDALONE_OPENERS)
_CLOSINGS: Final = frozenset(phrase.casefold() for words in CLOSINGS.values() for phrase in words)
_LONGEST_CLOSING: Final = max(map(len, _CLOSINGS))
_PHONE: Final = re.compile(r"\+?\(?\d[\d ()/.\u2011\xa0-]{5,24}\d")
_ADDRESS: Final = re.compile(r"\S@\S+\.\w|\bwww\.|https?://")
_SIDE_BY_SIDE: Final = re.compile(r" [|·•–] ")
_LABEL: Final = re.compile(
    r"(?:" + "|".join(re.escape(label) for label in small_print.CONTACT_LABELS) + r")\b[.:]?\s*"
)
_PARTICLES: Final = frozenset(
    "af av and da das de del della den der di do dos du e et i la le och og ten ter und van vom von y"
    " zu & +".split()
)


def without_taglines(lines: list[str]) -> list[str]:
    """The lines without "Sent from my phone", wherever it stands alone in one."""
    return [line for line in lines if not (line and _is_tagline(line))]


def _is_tagline(line: str) -> bool:
    if len(line) > _MAX_TAGLINE:
        return False
    folded = line.strip(" \xa0*_-<>[]").casefold()
    phrases = _TAGLINES.get(folded.split(" ", 1)[0])
    return phrases is not None and folded.startswith(phrases)


def body_end(lines: list[str], sender: str = "") -> int:
    """How many of these lines are the letter itself.

    lines: what is left when quotes are gone. sender: display name of the writer, or empty.
    """
    end = _before_marks(lines)
    end = _before_small_print(lines, end)
    names = frozenset(word for word in sender.casefold().split() if len(word) > 1)
    for _ in range(4):
        end = _without_blank(lines, end)
        start = _footer_start(lines, end)
        if start == end:
            start = _block_start(lines, end, names)
        if start == end:
            break
        end = start
    return _without_blank(lines, end)


def _without_blank(lines: list[str], end: int) -> int:
    while end and not lines[end - 1].strip("-_=*~ \xa0"):
        end -= 1
    return end


def _before_marks(lines: list[str]) -> int:
    """Before "-- " (RFC 3676 §4.3) or a PGP signature; all lines when there is neither."""
    for number, line in enumerate(lines):
        if line[:2] == "--" and (
            line.rstrip() == "--" or line.startswith("-----BEGIN PGP SIGNATURE")
        ):
            return number
    return len(lines)


def _before_small_print(lines: list[str], end: int) -> int:
    """Before the first paragraph that begins as a disclaimer does, unless it is the first at all."""
    seen_text = False
    for number in range(end):
        line = lines[number]
        if not line:
            continue
        if seen_text and len(line) >= 10 and _begins_small_print(lines, number, end):
            return number
        seen_text = True
    return end


def _begins_small_print(lines: list[str], number: int, end: int) -> bool:
    folded = lines[number][:80].lstrip(" \xa0*_[(#!-").casefold()
    word = folded.split(" ", 1)[0]
    alone = _STANDALONE.get(word)
    if alone is not None and folded.startswith(alone):
        return True
    openers = _OPENERS.get(word)
    if openers is not None and folded.startswith(openers):
        return _topics(_paragraph(lines, number, end)) >= 1
    return False


def _paragraph(lines: list[str], start: int, end: int) -> str:
    taken: list[str] = []
    length = 0
    for line in lines[start:end]:
        if not line or length > _MAX_PARAGRAPH:
            break
        taken.append(line)
        length += len(line)
    return " ".join(taken)[:_MAX_PARAGRAPH].casefold()


def _topics(paragraph: str) -> int:
    return sum(
        any(mark in paragraph for mark in marks) for marks in small_print.DISCLAIMER_TOPICS
    )


def _footer_start(lines: list[str], end: int) -> int:
    """Where the last paragraph begins if it is a footer or a disclaimer; `end` if it is neither."""
    start = end
    while start and lines[start - 1].strip() and end - start < _TAIL_LINES:
        start -= 1
    if not any(line.strip() for line in lines[:start]):
        # The only paragraph: HTML mails have their footer in the last line of it.
        start = end - 1 if end > 1 else end
    paragraph = _paragraph(lines, start, end)
    if any(mark in paragraph for mark in small_print.FOOTER_MARKS):
        return start
    last = lines[end - 1].casefold() if end > 1 else ""
    if any(mark in last for mark in small_print.FOOTER_MARKS):
        return end - 1
    secret, reader = small_print.DISCLAIMER_TOPICS[:2]
    if any(mark in paragraph for mark in secret) and any(mark in paragraph for mark in reader):
        return start
    return end


def _block_start(lines: list[str], end: int, names: frozenset[str]) -> int:
    """Where a signature block that ends here begins; `end` when there is none."""
    closing = _closing_line(lines, end)
    if closing is not None:
        return closing if _leads_into_block(lines, closing, end, names) else end
    start = end
    strong = False
    while start and end - start < 8:
        line = lines[start - 1].strip()
        if not line or not _may_be_contact(line):
            break
        strong = strong or _is_contact(line)
        start -= 1
    count = end - start
    if start == 0 or count == 0:
        return end
    first = lines[start].strip()
    if count == 1:
        return start if _is_imprint(first) else end
    apart = not lines[start - 1].strip()
    known = bool(names) and not names.isdisjoint(first.casefold().split())
    while not (_is_name(first) or known) and start < end - 1:
        start += 1
        first, apart = lines[start].strip(), False
        known = bool(names) and not names.isdisjoint(first.casefold().split())
    if end - start < 2 or not (_is_name(first) or known):
        return end
    return start if strong or apart or known else end


def _closing_line(lines: list[str], end: int) -> int | None:
    """The last line that closes the letter ("Kind regards"), within the last few lines."""
    looked_at = 0
    for number in range(end - 1, -1, -1):
        line = lines[number].strip()
        if not line:
            continue
        looked_at += 1
        if looked_at > _TAIL_LINES:
            return None
        if len(line) <= _LONGEST_CLOSING + 30 and _is_closing(line):
            return number
    return None


def _is_closing(line: str) -> bool:
    folded = line.rstrip(" ,.!;:*/\xa0").lstrip("*").casefold()
    if folded in _CLOSINGS:
        return True
    # "Mvh Anna", "Groet, Saskia"
    words = folded.replace(",", " ").split()
    return len(words) > 1 and any(
        " ".join(words[:count]) in _CLOSINGS
        for count in range(len(words) - 1, max(0, len(words) - 4), -1)
    )


def _leads_into_block(lines: list[str], closing: int, end: int, names: frozenset[str]) -> bool:
    below = [line for raw in lines[closing + 1 : end] if (line := raw.strip())]
    closes_alone = lines[closing].rstrip(" ,.!;:*\xa0").lstrip("* ").casefold() in _CLOSINGS
    if closes_alone and below and (_is_name(below[0]) or names & set(below[0].casefold().split())):
        below = below[1:]
    return bool(below) and all(map(_may_be_contact, below))


def _may_be_contact(line: str) -> bool:
    """True for a line that is short and no sentence, or tells how to reach somebody."""
    if len(line) > _MAX_CONTACT:
        return _is_contact(line) and len(line) < 2 * _MAX_CONTACT and line[-1] not in ".!?"
    words = line.split()
    if line[-1] in "!?:;,…" and not _is_contact(line):
        return False
    if line[-1] == "." and len(words) > 3:
        return False
    return _is_contact(line) or (len(words) <= 8 and not line[0].islower())


def _is_contact(line: str) -> bool:
    if _ADDRESS.search(line) or _SIDE_BY_SIDE.search(line):
        return True
    phone = _PHONE.search(line)
    if phone and sum(char.isdigit() for char in phone[0]) >= 7 and len(phone[0]) * 2 > len(line):
        return True
    folded = line.casefold()
    if _LABEL.match(folded) and any(char.isdigit() or char in "@." for char in folded):
        return True
    return not small_print.COMPANY_FORMS.isdisjoint(folded.replace(",", " ").split())


def _is_imprint(line: str) -> bool:
    """True for a company's one line: "Example AB · Storgatan 1"."""
    if _SIDE_BY_SIDE.search(line) is None and "," not in line:
        return False
    folded = line.casefold().replace(",", " ").split()
    return not small_print.COMPANY_FORMS.isdisjoint(folded) or any(c.isdigit() for c in line)


def _is_name(line: str) -> bool:
    """True for what can be a person's or a company's name: few words, each with a capital."""
    if len(line) > 60 or line[-1] in "!?:;" or any(char.isdigit() for char in line):
        return False
    words = line.replace(",", " ").split()
    if not 1 <= len(words) <= 7:
        return False
    return words[0][0].isupper() and all(
        word[0].isupper() or word.casefold() in _PARTICLES or not word[0].isalpha()
        for word in words
    )
