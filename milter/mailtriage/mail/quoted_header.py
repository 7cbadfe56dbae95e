"""The header of a quoted or forwarded mail, and the separator above it.

"From: ... Sent: ... To: ... Subject: ..." in some thirty languages, as Outlook, phones and webmail
put it above a quote.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mailtriage.mail import header_marks, quote_marks
from mailtriage.mail.attribution import MAX_JOINED, is_announcement
from mailtriage.mail.phrases import any_of

RULE: Final = "-_=*#~—–―─━═ᐧ "
"""What a rule above a quote is drawn with."""

_MAX_LINES: Final = 12
_MAX_LABEL: Final = 24
_MAX_FOLDED: Final = 6
"""Lines of one field; the readers of a mail may fill some."""

# The fields of a header, as bits of a set.
_FROM: Final = 1
_DATE: Final = 2
_TO: Final = 4
_SUBJECT: Final = 8


def fold(text: str) -> str:
    """Lower case, apostrophes of one kind, no dot over the Turkish i."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("’", "'").replace("i\u0307", "i")


def _flat(table: Mapping[str, Iterable[str]]) -> frozenset[str]:
    return frozenset(fold(entry) for entries in table.values() for entry in entries)


_LABELS: Final[dict[str, int]] = {
    word: label
    for table, label in (
        (header_marks.HEADER_SUBJECT, _SUBJECT),
        (header_marks.HEADER_TO, _TO),
        (header_marks.HEADER_DATE, _DATE),
        (header_marks.HEADER_FROM, _FROM),
    )
    for word in _flat(table)
}
_SEPARATORS: Final = _flat(header_marks.ORIGINAL_MESSAGE) | _flat(header_marks.FORWARDED)
_FORWARDED_BY: Final = tuple(sorted(_flat(header_marks.FORWARDED_BY)))
_REPLY_ABOVE: Final = re.compile(any_of(_flat(quote_marks.REPLY_ABOVE)))
_CLOCK: Final = re.compile(r"\b\d{1,2}[:.h]\d{2}(?!\d)")


def announcement_end(lines: Sequence[str], position: int, line: str) -> int:
    """Where a separator or a quoted header that begins here ends; `position` if none does.

    line: the stripped one at `position`, not empty.
    """
    if line[0] in RULE or line[-1] in ":：":
        core = fold(line[:MAX_JOINED].strip(RULE).rstrip(":：").strip(RULE + "\xa0\u202f"))
        if not core:
            return _below_rule(lines, position, line)
        if core in _SEPARATORS or (line[0] in RULE and _announces(core)):
            after = _after_blank(lines, position + 1)
            return max(header_end(lines, after), position + 1)
    return header_end(lines, position) if label_of(line) else position


def _announces(core: str) -> bool:
    """True for what helpdesks, Notes and Zoho Mail put between dashes above a quote."""
    if len(core) > 200:
        return False
    return (
        core.startswith(_FORWARDED_BY)
        or _REPLY_ABOVE.search(core) is not None
        or is_announcement(core)
    )


def _below_rule(lines: Sequence[str], position: int, rule: str) -> int:
    """What only a rule above it gives away: a helpdesk's line, a header in an unknown language."""
    after = position + 1
    if len(rule) < 3 or after >= len(lines):
        return position
    line = lines[after].strip()
    if line and len(line) <= 100 and _REPLY_ABOVE.search(fold(line)):
        return after + 1
    return max(position, _unknown_header_end(lines, _after_blank(lines, after)))


def _after_blank(lines: Sequence[str], position: int) -> int:
    while position < len(lines) and not lines[position].strip():
        position += 1
    return position


def label_of(line: str) -> int:
    """Which field of a quoted header this line is: "From: ...", "*Skickat:* ..."; 0 if none."""
    colon = line.find(":", 1, _MAX_LABEL)
    if colon < 0:
        colon = line.find("：", 1, _MAX_LABEL)
    return _LABELS.get(fold(line[:colon].strip("*_ \t\xa0\u202f")), 0) if colon > 0 else 0


def header_end(lines: Sequence[str], position: int) -> int:
    """Where a quoted message's header ends that begins here; `position` when it is none.

    Fields may be folded, and there may be an empty line between each and the next, as in HTML that
    was made plain.
    """
    found = 0
    end = position
    folded = 0
    address = clock = False
    for number in range(position, min(position + 2 * _MAX_LINES, len(lines))):
        line = lines[number].strip()
        if not line:
            if number != end or not found or number + 1 >= len(lines):
                break
            below = label_of(lines[number + 1].strip())
            if not below or below & found & ~_TO:
                break
            continue
        label = label_of(line) if ":" in line or "：" in line else 0
        folded = 0 if label else folded + 1
        if not (label or found) or folded > _MAX_FOLDED:
            break
        if label & found and not (label == _TO and found & _FROM):
            break  # only To: and Cc: share a bit
        found |= label
        address = address or (label == _FROM and "@" in line)
        clock = clock or (label == _DATE and _CLOCK.search(line) is not None)
        end = number + 1
    if found & _FROM and (found.bit_count() >= 3 or (address and clock)):
        return end
    return position


def _unknown_header_end(lines: Sequence[str], position: int) -> int:
    """Where three or more lines "Word: value" end, an address in one and a clock in another."""
    address = clock = False
    number = position
    for number in range(position, min(position + _MAX_LINES, len(lines))):
        line = lines[number].strip()
        colon = line.find(":", 1, _MAX_LABEL)
        if colon < 0 or len(line[:colon].split()) > 3:
            break
        value = line[colon + 1 :]
        address = address or ("@" in value and "<" in value)
        clock = clock or _CLOCK.search(value) is not None
    else:
        number += 1
    return number if number - position >= 3 and address and clock else 0
