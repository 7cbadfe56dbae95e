"""What a customer typed into a web form, out of the mail that the form made of it."""

from typing import Final

from mailtriage.mail import header_marks
from mailtriage.mail.form_marks import FORM_FOOTER_MARKS, FORM_LABELS, FORM_MESSAGE_LABELS

_FROM_LABELS: Final = frozenset(
    word.casefold() for words in header_marks.HEADER_FROM.values() for word in words
)
_DATE_LABELS: Final = frozenset(
    word.casefold() for words in header_marks.HEADER_DATE.values() for word in words
)
_MAX_LABEL: Final = 40
_TOP_LINES: Final = 25
_FREE_TEXT: Final = 40  # characters; the value of no other field is this long as a rule


def form_message(lines: list[str]) -> list[str] | None:
    """The lines of the message field; None when the text is no web form's.

    A form is told by two known labels ("Name:", "E-mail:") at the top, one of which may follow a
    heading. The message is what stands behind a label that says so, behind a label without a value,
    or in the last and longest field.
    """
    known = 0
    before = ""
    for number, line in enumerate(lines[:_TOP_LINES]):
        label, value = _field(line) if ":" in line or "\t" in line else ("", "")
        if not label:
            if line.strip() and not known and number > 6:
                return None
            continue
        if label in _DATE_LABELS and before in _FROM_LABELS:
            return None  # the header of a quoted mail: what follows is not the writer's
        before = label
        if label in FORM_LABELS and value:
            known += 1
        elif known >= 2 and (
            label in FORM_MESSAGE_LABELS
            or (not value and _has_text(lines, number + 1))
            or (label not in FORM_LABELS and len(value) >= _FREE_TEXT)
        ):
            return _without_footer([value, *lines[number + 1 :]])
    return None


def _field(line: str) -> tuple[str, str]:
    """Label and value of "Label: value", or of two cells of a table; both empty if neither."""
    head, separator, value = line.partition("\t")
    if not separator:
        head, separator, value = line.partition(":")
    head = head.strip("*_ \xa0:")
    if not separator or not head or len(head) > _MAX_LABEL:
        return "", ""
    return head.casefold(), value.strip("*_ \xa0")


def _has_text(lines: list[str], position: int) -> bool:
    following = [line for line in lines[position : position + 4] if line.strip()]
    return bool(following) and not _field(following[0])[0]


def _without_footer(lines: list[str]) -> list[str]:
    """The message without the form's own last lines ("Sent from the form on ...")."""
    end = len(lines)
    for _ in range(3):
        while end and not lines[end - 1].strip():
            end -= 1
        start = end
        while start and lines[start - 1].strip():
            start -= 1
        last = " ".join(lines[start:end])
        if start == 0 or len(last) > 300:
            break
        folded = last.casefold()
        if not any(mark in folded for mark in FORM_FOOTER_MARKS):
            break
        end = start
        if end and not lines[end - 1].strip("-_=* "):
            end -= 1
    return lines[:end]
