"""What policies look at in a mail, as one folded line."""

from dataclasses import dataclass
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.policies.fold import PARAGRAPH, fold, squeeze

_LONGEST_WORD: Final = 40
_BLANK: Final = 0x20


@dataclass(frozen=True, slots=True)
class MailText:
    """What is scanned of a mail: subject, newest text and file names in one squeezed line."""

    text: str
    folded: bytes
    """`text` folded, a blank more at either end, so that every word has one on both sides.

    What stands at offset n of `text` stands at n + 1 here.
    """
    body_start: int
    attachments_start: int

    def place(self, start: int) -> int:
        """Which part of the mail a stretch that begins there is in: an index of PLACES."""
        if start < self.body_start:
            return 0
        return 1 if start < self.attachments_start else 2

    def bounds(self, place: int) -> tuple[int, int]:
        """Start and end, in `text`, of the subject (0), the body (1) or the file names (2)."""
        between = len(PARAGRAPH) + 2
        if place == 0:
            return 0, self.body_start - between
        if place == 1:
            return self.body_start, min(self.attachments_start - between, len(self.text))
        return min(self.attachments_start, len(self.text)), len(self.text)

    def whole_words(self, start: int, end: int) -> tuple[int, int]:
        """A stretch of `folded` without the blanks at its ends; half a word is made whole.

        Of a word that is longer than people write, only the nearest part is added.
        """
        folded = self.folded
        if folded[start] == _BLANK:
            start += 1
        else:
            nearest = max(start - _LONGEST_WORD, 0)
            start = max(folded.rfind(b" ", nearest, start) + 1, nearest)
        if folded[end - 1] == _BLANK:
            end -= 1
        else:
            blank = folded.find(b" ", end, end + _LONGEST_WORD)
            end = blank if blank >= 0 else min(end + _LONGEST_WORD, len(folded))
        return start, end


def mail_text(mail: Mail) -> MailText:
    """Join and fold the parts of a mail that policies look at."""
    subject = squeeze(mail.subject)
    body = squeeze(mail.newest_text)
    text = f"{subject} {PARAGRAPH} {body}"
    attachments_start = len(text) + 3
    if mail.attachments:
        names = squeeze(f" {PARAGRAPH} ".join(part.name for part in mail.attachments))
        text = f"{text} {PARAGRAPH} {names}"
    return MailText(text, b" %b " % fold(text), len(subject) + 3, attachments_start)
