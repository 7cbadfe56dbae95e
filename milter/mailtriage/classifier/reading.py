"""From the text that the matcher scanned to the text that the model reads: folded once for both."""

from collections.abc import Iterable

from mailtriage.classifier.features import Text
from mailtriage.policies.text import MailText


def text_of(seen: MailText, signals: Iterable[str]) -> Text:
    """Subject and newest text, without the names of files; `signals` are the ids of all hits."""
    end = seen.attachments_start - 1
    return Text(seen.folded[:end], seen.text[:end], tuple(signals))
