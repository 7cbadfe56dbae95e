"""The line above a quote: "On Tuesday Anna wrote:", whole or wrapped.

Nothing looks at more than four joined lines or 400 characters of them, and words are looked up in
sets, so that no text can make this slow.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from mailtriage.mail import quote_marks

MAX_JOINED: Final = 400
_MAX_LINES: Final = 4
_MAX_LINE: Final = 120


def _flat(table: Mapping[str, Iterable[str]]) -> frozenset[str]:
    return frozenset(entry for entries in table.values() for entry in entries)


_VERBS: Final = _flat(quote_marks.ATTRIBUTION_VERBS)
_ENDINGS: Final = quote_marks.ATTRIBUTION_ENDINGS
_PRONOUNS: Final = _flat(quote_marks.ATTRIBUTION_PRONOUNS)
_DATE_WORDS: Final = _flat(quote_marks.DATE_WORDS)
OPENERS: Final = tuple(
    sorted(
        opener
        for word in _flat(quote_marks.ATTRIBUTION_OPENERS)
        for opener in (f"{word} ", f"{word},", f"{word}.")
    )
)
_CLOCK: Final = re.compile(r"\b\d{1,2}(?:[:.]| ?h ?)\d{2}(?!\d)")
_DIGIT: Final = re.compile(r"\d")
_YEAR: Final = re.compile(r"(?<!\d)(?:20|19)\d\d(?!\d)|\d[./-]\d{1,2}[./-]\d\d(?!\d)")
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d gmt[+-]\d")
_APART: Final = str.maketrans(dict.fromkeys(":：,<>[]\"'", " "))
_COLONS: Final = ":："


def take_attribution(segment: list[str], *, alone: bool) -> list[str]:
    """Take an attribution off the end of a segment; give its lines, or nothing.

    alone: no marked quote follows, so that only a line that can be nothing else will do: a customer
    writes "On Tuesday you wrote:" as well, and then goes on in their own words.
    """
    end = len(segment)
    while end and not segment[end - 1].strip():
        end -= 1
    start = _start(segment, end, alone=alone)
    taken = segment[start:] if start < end else []
    del segment[end - (end - start) :]
    return taken


def may_end_attribution(line: str) -> bool:
    """A look at one line, before up to four are joined. line: stripped, not empty."""
    return len(line) <= MAX_JOINED and (line[-1] in ":：>)" or "@" in line or "GMT" in line)


def is_announcement(core: str) -> bool:
    """True for an attribution between dashes, as Zoho Mail writes it. core: folded."""
    return len(core) >= 10 and core.startswith(OPENERS) and _accepts(core)


def _start(segment: list[str], end: int, *, alone: bool) -> int:
    """Where the attribution that ends before `end` begins; `end` if there is none."""
    accepts = _accepts_alone if alone else _accepts
    joined = ""
    found = end
    complete = False
    for count in range(1, min(_MAX_LINES, end) + 1):
        line = segment[end - count].strip().casefold()
        joined = f"{line} {joined}" if joined else line
        if not line or len(joined) > MAX_JOINED:
            break
        if count == 1:
            if line[-1] not in ":：>)" and not _DIGIT.search(line):
                break
        elif line[-1] in ":!?":
            break
        if found < end and not _may_begin(line, segment[found].strip(), complete=complete):
            break
        if not accepts(joined):
            if found < end:
                break
            continue
        found = end - count
        begins = _begins_well(line)
        if begins and "@" in joined:
            break  # what is above it belongs to the letter
        complete = begins and _has_verb(joined)
    return found


def _may_begin(line: str, below: str, *, complete: bool) -> bool:
    """True for a line that an attribution can begin with whose rest is one by itself.

    below: the first line of the rest. complete: it lacks nothing but an address.
    """
    if complete and "@" not in line:
        return False
    if line[-1] == ";" or len(line) > _MAX_LINE:
        return False
    if line[-1] == "." and not line[-2:-1].isdigit() and len(line.rpartition(" ")[2]) > 5:
        return False  # the end of a sentence, not of "Mo." or "3."
    if "@" in line or _begins_well(line):
        return True
    # Of "Name <address>" the name is missing yet, or the subject of the verb.
    return len(line) <= 60 and (below[0] in "<(" or below.split(" ", 1)[0] in _VERBS)


def _begins_well(line: str) -> bool:
    """True for "On 3 March", "mån 3 mars", "2025-03-03"."""
    if not _DIGIT.search(line) or _CLOCK.match(line):
        return False
    return (
        line[0].isdecimal()
        or line.startswith(OPENERS)
        or line.partition(" ")[0].rstrip(".,") in _DATE_WORDS
    )


def _words(line: str) -> list[str]:
    return line.translate(_APART).split()


def _has_verb(line: str) -> bool:
    return not _VERBS.isdisjoint(_words(line)) or line.rstrip(":： ").endswith(_ENDINGS)


def _accepts(text: str) -> bool:
    """True for what stands above a marked quote. text: stripped and folded."""
    has_colon = text[-1] in _COLONS
    if has_colon and ("@" in text or _CLOCK.search(text)):
        return True
    if (has_colon or "@" in text or _DIGIT.search(text)) and _has_verb(text):
        return True
    return not has_colon and _accepts_alone(text)


def _accepts_alone(text: str) -> bool:
    """True for what can be nothing but an attribution. text: stripped and folded."""
    has_address = "@" in text
    if text[-1] not in _COLONS:
        if not has_address:
            return _STAMP.match(text) is not None and len(text) <= _MAX_LINE
        return _accepts_without_colon(text)
    clock = _CLOCK.search(text) is not None
    if not (has_address or clock):
        # Forums and trackers: "Eva Ek via The Forum wrote:".
        return " via " in text and len(text) <= _MAX_LINE and _is_by_a_program(text)
    if _has_verb(text):
        return has_address or (
            (_begins_well(text) or (text[0].isalpha() and _YEAR.search(text) is not None))
            and _is_by_a_program(text)
        )
    # Programs in languages that they have no words for: a date, a clock, a name, an address.
    return (
        has_address
        and clock
        and (text.endswith((">:", ">：")) or (_begins_well(text) and _ends_in_address(text)))
    )


def _is_by_a_program(text: str) -> bool:
    """True for a verb without "you" or "I"."""
    return _has_verb(text) and _PRONOUNS.isdisjoint(_words(text))


def _accepts_without_colon(text: str) -> bool:
    if not _CLOCK.search(text):
        return False
    if not _has_verb(text):
        return text[-1] == ">" and _begins_well(text) and _ends_in_address(text)
    if text[-1] == ")":
        return True  # "Anna <a@b.example> skrev: (3 mars 2025 09:00)"
    return _begins_well(text) and (text[-1] == ">" or _words(text)[-1] in _VERBS)


def _ends_in_address(text: str) -> bool:
    return "@" in text.rstrip(":： ").rpartition(" ")[2] and _YEAR.search(text) is not None
