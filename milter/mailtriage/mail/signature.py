"""Where a letter ends: before its signature block, its disclaimer, its newsletter footer.

What people type by hand at the end ("Mvh Anna") is part of the letter and stays; a closing that
leads into a block with a title, a company or a telephone number was put there by a program, and
goes.
"""

import re
from collections.abc import Sequence
from typing import Final

from mailtriage.mail import small_print
from mailtriage.mail.phrases import any_of, by_first_word
from mailtriage.mail.reply_marks import CLOSINGS
from mailtriage.mail.taglines import TAGLINE_WORDS, tagline_start

_TAIL_LINES: Final = 14
_LAST_LINES: Final = 600
"""Lines from the end that are looked at: no signature and no disclaimer is longer."""
_MAX_CONTACT: Final = 90
_MIN_PARAGRAPH: Final = 20
_MAX_PARAGRAPH: Final = 2000
_MIN_REQUEST: Final = 30
_MAX_REQUEST: Final = 250


_TAGLINES: Final = TAGLINE_WORDS
_OPENERS: Final = by_first_word(small_print.DISCLAIMER_OPENERS)
_STANDALONE: Final = by_first_word(small_print.STANDALONE_OPENERS)
_SMALL_PRINT: Final = _OPENERS.keys() | _STANDALONE.keys()
_RULES: Final = "-_=*~#\u2013\u2014\u2015\u2500 "
_AROUND: Final = " \xa0*_-<>[](#!"  # what stands around a line's words, as decoration
_CLOSINGS: Final = frozenset(phrase.casefold() for words in CLOSINGS.values() for phrase in words)
_CLOSING_WORDS: Final = frozenset(phrase.split(" ", 1)[0].strip(".") for phrase in _CLOSINGS)
_LONGEST_CLOSING: Final = max(map(len, _CLOSINGS))
_FOOTER_OR_DISCLAIMER: Final = re.compile(
    any_of(
        (
            *small_print.FOOTER_MARKS,
            *small_print.RECEIVED_BECAUSE,
            *small_print.LINK_MARKS,
            *small_print.DISCLAIMER_TOPICS[0],
            *small_print.PRINT_MARKS,
        )
    )
)
"""One of these stands in every paragraph that is either."""
_DIGIT: Final = re.compile(r"\d")
_PHONE: Final = re.compile(r"\+?\(?\d[\d ()/.\u2011\xa0-]{5,24}\d")
_ADDRESS: Final = re.compile(r"\S@\S+\.\w|\bwww\.|https?://")
_SIDE_BY_SIDE: Final = re.compile(r" [|·•–] ")
_LABEL: Final = re.compile(
    r"(?:" + "|".join(re.escape(label) for label in small_print.CONTACT_LABELS) + r")\b[.:]?\s*"
)


def body_end(lines: list[str], sender: str = "") -> int:
    """How many of these lines are the letter itself.

    lines: what is left when quotes are gone. sender: display name of the writer, or empty.
    """
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    above = max(0, end - _LAST_LINES)
    for number in range(above):
        if lines[number][:2] == "--" and _is_delimiter(lines[number]):
            return _without_blank(lines, number)
    return above + _body_end(lines[above:end], sender) if above else _body_end(lines[:end], sender)


def _body_end(lines: list[str], sender: str) -> int:
    # One look at each line; those few that begin as a known phrase does get a second one below.
    words = [line.strip(_AROUND).partition(" ")[0].casefold() for line in lines]
    end = _before_small_print(lines, words, _before_marks(lines, words))
    end = _before_rule(lines, end)
    is_cut = end < len(lines)
    for _ in range(4):
        end = _without_blank(lines, end)
        start = _footer_start(lines, end)
        if start == end:
            start = _block_start(lines, end, sender, is_cut=is_cut)
        if start == end:
            break
        end, is_cut = start, True
    return _without_blank(lines, end)


def _without_blank(lines: list[str], end: int) -> int:
    while end and not lines[end - 1].strip("-_=*~ \xa0"):
        end -= 1
    return end


def _before_marks(lines: list[str], words: Sequence[str]) -> int:
    """Before "-- " (RFC 3676 §4.3), a PGP signature or a phone's tagline; all lines without one.

    words: the first of each line, folded.
    """
    end = tagline_start(lines, words)
    for number, line in enumerate(lines):
        if line[:2] == "--" and number < end and _is_delimiter(line):
            return number
    return end


def _is_delimiter(line: str) -> bool:
    return line.rstrip() == "--" or line.startswith("-----BEGIN PGP SIGNATURE")


def _before_rule(lines: list[str], end: int) -> int:
    """Before the last rule that has a signature block and nothing else below it."""
    for line in lines[max(0, end - 2 * _TAIL_LINES) : end]:
        if line and line[0] in _RULES and not line.strip(_RULES):
            break
    else:
        return end
    below: list[str] = []
    for number in range(end - 1, -1, -1):
        line = lines[number].strip()
        if not line:
            continue
        if not line.strip(_RULES) and line != "-":
            return number if any(map(_is_contact, below)) else end
        if len(below) >= _TAIL_LINES or not _may_be_contact(line):
            return end
        below.append(line)
    return end


def _before_small_print(lines: list[str], words: Sequence[str], end: int) -> int:
    """Before the first line that begins as a disclaimer does, unless it is the first at all."""
    if _SMALL_PRINT.isdisjoint(words):
        return end
    top = next((number for number, line in enumerate(lines) if line), end)
    read = 0  # up to here paragraphs are known to speak of nothing that small print does
    for number, word in enumerate(words[:end]):
        if word not in _SMALL_PRINT or number <= top or len(lines[number]) < 10:
            continue
        folded = lines[number][:80].lstrip(" \xa0*_[(#!-").casefold()
        first = folded.split(" ", 1)[0]
        if folded.startswith(_STANDALONE.get(first, ())):
            return number
        opener = next((known for known in _OPENERS.get(first, ()) if folded.startswith(known)), "")
        if not opener or number < read:
            continue
        paragraph, after = _paragraph(lines, number, end)
        rest = paragraph.partition(opener)[2]
        # What to do with the mail is no proof: a customer may ask to have something deleted.
        if any(any(map(rest.__contains__, marks)) for marks in small_print.DISCLAIMER_TOPICS[:3]):
            return number
        read = after
    return end


def _paragraph(lines: list[str], start: int, end: int) -> tuple[str, int]:
    """A paragraph from `start` on, folded, as far as it is read; and where that ends."""
    taken: list[str] = []
    length = 0
    number = start
    while number < end and lines[number] and length <= _MAX_PARAGRAPH:
        taken.append(lines[number])
        length += len(lines[number])
        number += 1
    return " ".join(taken)[:_MAX_PARAGRAPH].casefold(), number


def _footer_start(lines: list[str], end: int) -> int:
    """Where the last paragraph begins if it is a footer or a disclaimer; `end` if it is neither."""
    start = end
    while start and lines[start - 1].strip("-_=* ") and end - start < _TAIL_LINES:
        start -= 1
    if start == end:
        return end
    below_rule = start > 0 and bool(lines[start - 1].strip())
    if not below_rule and not any(lines[:start]):
        # The only paragraph: HTML mails have their footer in the last line of it.
        start = end - 1
        if start == 0:
            return end
    paragraph = " ".join(lines[start:end])[:_MAX_PARAGRAPH].casefold()
    if len(paragraph) < _MIN_PARAGRAPH:
        return end
    may_be_either = _FOOTER_OR_DISCLAIMER.search(paragraph) is not None
    if may_be_either and (_is_footer(paragraph) or _spares_trees(paragraph)):
        return start
    if (
        end - start > 1
        and len(paragraph) >= _MAX_PARAGRAPH
        and _is_footer(lines[end - 1].casefold())
    ):
        return end - 1  # the paragraph was cut before this line
    return start if may_be_either and _is_disclaimer(lines, start, paragraph) else end


def _is_footer(paragraph: str) -> bool:
    def speaks_of(marks: tuple[str, ...]) -> bool:
        return any(map(paragraph.__contains__, marks))

    return (
        speaks_of(small_print.FOOTER_MARKS)
        or (speaks_of(small_print.RECEIVED_BECAUSE) and speaks_of(small_print.MAIL_WORDS))
        or (speaks_of(small_print.LINK_MARKS) and speaks_of(small_print.UNSUBSCRIBE_MARKS))
        or (
            len(paragraph) < _MAX_REQUEST
            and speaks_of(small_print.SCANNER_LINKS)
            and speaks_of(small_print.VIRUS_MARKS)
        )
    )


def _spares_trees(paragraph: str) -> bool:
    """True for a short one that asks to think of nature before it is printed."""
    speaks_of = paragraph.__contains__
    return (
        _MIN_REQUEST < len(paragraph) < _MAX_REQUEST
        and any(map(speaks_of, small_print.PRINT_MARKS))
        and any(map(speaks_of, small_print.BEFORE_MARKS))
        and any(map(speaks_of, small_print.NATURE_MARKS))
    )


def _is_disclaimer(lines: list[str], start: int, paragraph: str) -> bool:
    """True for a paragraph that speaks of secrecy, and of the right reader or the mail itself."""
    secret, reader = small_print.DISCLAIMER_TOPICS[:2]
    if not any(map(paragraph.__contains__, secret)):
        return False
    if any(map(paragraph.__contains__, reader)):
        return True
    above = _without_blank(lines, start)
    under_signature = above > 0 and len(lines[above - 1]) < 60 and lines[above - 1][-1] not in ".!?"
    return under_signature and any(word in paragraph for word in small_print.MAIL_WORDS)


def _block_start(lines: list[str], end: int, sender: str, *, is_cut: bool) -> int:
    """Where a signature block that ends here begins; `end` when there is none.

    is_cut: small print stood below, so that a program, and no hand, wrote what is above it.
    """
    closing = _closing_line(lines, end)
    if closing is not None:
        return closing if _leads_into_block(lines, closing, end) else end
    block: list[str] = []  # its lines, last first
    for raw in reversed(lines[max(0, end - 8) : end]):
        line = raw.strip()
        if not line or not _may_be_contact(line):
            break
        block.append(line)
    start = end - len(block)
    if len(block) == 1 and start and _is_imprint(block[0]):
        return start
    # People sign with their name and perhaps a number; programs add more than that.
    names = {word for word in sender.casefold().split() if len(word) > 1}
    while end - start > 1 and not _names_somebody(block[end - start - 1], names):
        start += 1
    count = end - start
    if start == 0 or count < 2:
        return end
    return start if is_cut or (count >= 3 and any(map(_is_contact, block))) else end


def _names_somebody(line: str, names: set[str]) -> bool:
    return _is_name(line) or not names.isdisjoint(line.casefold().replace(",", " ").split())


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
    """True for "Kind regards", also with a name or a place behind it ("Mvh Anna")."""
    folded = line.strip(" ,.!;:*/\xa0").casefold()
    if folded.partition(" ")[0].partition(",")[0].strip(".") not in _CLOSING_WORDS:
        return False
    if folded in _CLOSINGS:
        return True
    words = line.replace(",", " ").split()
    if not 1 < len(words) <= 7 or line[-1] in ".!?:" or _DIGIT.search(line):
        return False
    return any(
        " ".join(words[:count]).strip(".").casefold() in _CLOSINGS
        and (count > 1 or words[count][0].isupper() or len(words) <= 3)
        for count in range(1, min(len(words), 5))
    )


def _leads_into_block(lines: list[str], closing: int, end: int) -> bool:
    """True when there is more than a name below a closing, and none of it is a sentence."""
    below = [line for raw in lines[closing + 1 : end] if (line := raw.strip())]
    if not any(map(_is_contact, below)) and (len(below) > 3 or (below and _DIGIT.search(below[0]))):
        return False  # "Thanks", and then the order number and what was in the parcel
    if below and len(below[0].split()) <= 7 and not _is_contact(below[0]):
        below = below[1:]
    return bool(below) and all(map(_may_be_contact, below))


def _may_be_contact(line: str) -> bool:
    """True for a line that is short and no sentence, or tells how to reach somebody."""
    if len(line) > 2 * _MAX_CONTACT:
        return False
    words = line.split()
    if len(words) > 8:
        return line[-1] not in ".!?" and _is_contact(line)
    if len(line) <= _MAX_CONTACT and line[-1] not in "!?:;,…":
        few = len(words) <= 3
        if (few or line[-1] != ".") and (
            not line[0].islower() or (few and words[0] not in small_print.NAME_PARTICLES)
        ):
            return True
    return _is_contact(line)


def _is_contact(line: str) -> bool:
    if ("@" in line or "www." in line or "://" in line) and _ADDRESS.search(line):
        return True
    if _SIDE_BY_SIDE.search(line):
        return True
    phone = _PHONE.search(line)
    if phone and sum(char.isdigit() for char in phone[0]) >= 7 and len(phone[0]) * 2 > len(line):
        return True
    folded = line.casefold()
    if _LABEL.match(folded) and any(char.isdigit() or char in "@." for char in folded):
        return True
    return _is_company(line)


def _is_imprint(line: str) -> bool:
    """True for a company's one line: "Example AB · Storgatan 1"."""
    return _SIDE_BY_SIDE.search(line) is not None and (
        _is_company(line) or any(char.isdigit() for char in line)
    )


def _is_company(line: str) -> bool:
    return not small_print.COMPANY_FORMS.isdisjoint(line.replace(",", " ").split())


def _is_name(line: str) -> bool:
    """True for what can be a person's or a company's name: few words, each with a capital."""
    if len(line) > 60 or line[-1] in "!?:;":
        return False
    words = line.replace(",", " ").split()
    if not 1 <= len(words) <= 7 or not words[0][0].isupper():
        return False
    return all(
        word[0].isupper() or word.casefold() in small_print.NAME_PARTICLES or not word[0].isalpha()
        for word in words
    ) and not any(char.isdigit() for char in line)
