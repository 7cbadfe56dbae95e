"""What a labelled set is: examples, each a mail or an utterance with the labels that are known."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Final, Self

from mailtriage.labelled.envelope import stored_envelope
from mailtriage.mail.model import Headers, Limits, Mail
from mailtriage.mail.read import read_message
from mailtriage.toml_source import Problem
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread

MAX_EXAMPLES: Final = 200_000
MAX_PROBLEMS: Final = 20
"""Problems that are told one by one; of more only the number is."""


class UnreadableMail(Exception):  # noqa: N818  reads as what it is
    """The file of a mail that cannot be read (any more); the message says which and why."""


class LabelledError(Exception):
    """A labelled set that cannot be used, with its first problems and the number of all."""

    def __init__(self, problems: Sequence[Problem], more: int = 0) -> None:
        lines = [str(problem) for problem in problems]
        if more:
            lines.append(f"… and {more} more problem{'s' if more > 1 else ''}")
        super().__init__("\n".join(lines))
        self.problems: Final = tuple(problems)
        self.more: Final = more


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the bytes of a message lie: a file, or a stretch of an mbox."""

    file: Path
    start: int = 0
    """In bytes."""
    length: int | None = None
    """In bytes; None for all of the file."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a customer wrote, without a mail around it."""

    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is known of an example; None where nobody has said."""

    language: str | None = None
    """A code as the detector gives it: "sv", "nb" for any Norwegian, "und"."""
    skill: str | None = None
    skills_also: tuple[str, ...] | None = None
    """Skills that a second reader would accept; empty when it was said that there is none."""
    priority: Priority | None = None
    mood: Mood | None = None
    churn: Churn | None = None
    kind: Kind | None = None
    thread: Thread | None = None
    newest_text: str | None = None
    weight: float | None = None
    """How much an example counts when learning: above 0, at most 100."""
    industry: str | None = None
    """What the organisation does; a cross-validation may leave out whole industries."""

    def is_labelled(self) -> bool:
        """Whether anything is known that can be learnt or measured."""
        return any(
            getattr(self, field.name) is not None
            for field in fields(Labels)
            if field.name not in {"weight", "industry"}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(Labels):
    """One mail or utterance with its labels. The bytes of a mail are read when they are asked for:
    200,000 mails do not fit into memory."""

    id: str
    """As the set says, else made of the file and the line or number."""
    place: str
    """Where the label stands, `labels.jsonl:12`, or the mail whose folder is the label."""
    source: Stored | Utterance

    @classmethod
    def of(cls, labels: Labels, *, id: str, place: str, source: Stored | Utterance) -> Self:  # noqa: A002
        """An example with those labels."""
        known = {field.name: getattr(labels, field.name) for field in fields(Labels)}
        return cls(id=id, place=place, source=source, **known)

    @property
    def file(self) -> Path | None:
        """The file that the message lies in; None for an utterance."""
        return self.source.file if isinstance(self.source, Stored) else None

    def raw(self, limits: Limits) -> bytes:
        """The message as it lies in its file, as far as live mail is read; empty for an utterance.

        Raises UnreadableMail.
        """
        if isinstance(self.source, Utterance):
            return b""
        # One byte more than is ever looked at, so that the reader sees that it was cut.
        most = limits.max_header_bytes + limits.max_scan_bytes + 1
        source = self.source
        size = most if source.length is None else min(source.length, most)
        try:
            # Not to wait at a pipe that has taken the place of the file.
            descriptor = os.open(source.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as stream:  # noqa: PTH123  a descriptor, no path
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise UnreadableMail(f"{source.file}: not a regular file")
                stream.seek(source.start)
                return stream.read(size)
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise UnreadableMail(f"{source.file}: {reason}") from None

    def mail(self, limits: Limits) -> Mail:
        """The mail as triage sees it, with the envelope that a delivered message tells of.

        Raises UnreadableMail.
        """
        if isinstance(self.source, Utterance):
            return utterance_mail(self.source, limits)
        read = partial(read_message, self.raw(limits), limits=limits)
        return read(envelope=stored_envelope(read()))


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """All that was read of one place."""

    path: Path
    examples: tuple[Example, ...]
    unreadable: tuple[str, ...] = ()
    """Mails that have a label and cannot be read: the file, and why."""
    notes: tuple[str, ...] = ()
    """What was left out or read in a way that is worth saying, in plain words."""


def utterance_mail(utterance: Utterance, limits: Limits) -> Mail:
    """The mail that somebody would have sent who wrote nothing else."""
    subject = " ".join(utterance.subject.split())
    text = utterance.text[: limits.max_text_chars].strip()
    return Mail(
        headers=Headers([("Subject", subject.encode())] if subject else ()),
        subject=subject,
        text=text,
        newest_text=text,
        body_bytes=len(text.encode()),
    )
