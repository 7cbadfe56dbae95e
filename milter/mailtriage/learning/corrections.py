"""Corrections as labels: of the mails of an archive, and of mails that are labelled already.

Of a correction only the hash of the Message-ID is kept, so that the mail itself must come from the
organisation's own archive. There the header of each mail is read, of the corrected ones all.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.labelled.mbox import Mbox
from mailtriage.labelled.model import Example, LabelledSet, Labels, Stored
from mailtriage.learning.own import Course
from mailtriage.learning.texts import Lesson
from mailtriage.mail.address import message_ids
from mailtriage.mail.fields import skip_mbox_line, split_fields
from mailtriage.mail.model import Limits
from mailtriage.state.feedback import Correction
from mailtriage.triage.model import Priority

TAUGHT: Final = ("skill", "priority")
"""What can be learnt from a correction. The language of a lesson says how it is read."""

WEIGHT: Final = 1.0
"""What a corrected mail weighs beside the corpus. Corrections are the mistakes of the model in use,
and no sample of the mail: weighed and calibrated as labelled mail is, a handful of them made the
skills of other mails worse."""

_HEAD: Final = 16 * 1024
"""Octets in which nearly every header ends: so much is read of a mail first."""
_DEEPEST: Final = 20
_MBOX: Final = b"From "
_NEW, _CUR, _TMP = "new", "cur", "tmp"


@dataclass(frozen=True, slots=True)
class Corrected:
    """What became of the corrections. Counts are of mails."""

    labelled: LabelledSet
    """The mails to learn from, under their corrected labels."""
    corrected: int
    """That have a correction from which something can be learnt."""
    used: int
    """Of these, found in an archive."""
    overridden: int
    """Of these, found among what was labelled."""
    other: int
    """With corrections of the language or the answer alone."""
    wrong: int
    """Of those that were found, such as were tagged otherwise then."""

    @property
    def missing(self) -> int:
        """That were found nowhere."""
        return self.corrected - self.used - self.overridden

    def as_object(self) -> dict[str, int]:
        """For programs."""
        return {
            "corrected": self.corrected,
            "used": self.used,
            "overridden": self.overridden,
            "missing": self.missing,
            "other": self.other,
            "wrong": self.wrong,
        }


def gently(course: Course, corpus: Sequence[Lesson]) -> Course:
    """The course when nothing but corrections is taught: beside all of the corpus, at its own
    weight. See `WEIGHT`."""
    if course.is_only or not corpus:
        return course
    return replace(
        course,
        own=tuple(replace(lesson, weight=WEIGHT) for lesson in course.own),
        corpus=tuple(corpus),
        lift=0.0,
    )


def by_message(corrections: Iterable[Correction]) -> dict[bytes, dict[str, Correction]]:
    """The corrections of each mail, by facet."""
    found: dict[bytes, dict[str, Correction]] = {}
    for one in corrections:
        found.setdefault(one.message, {})[one.facet] = one
    return found


def with_corrections(
    labelled: LabelledSet | None,
    archives: Sequence[Path],
    corrections: Iterable[Correction],
    tokens: Tokens,
    limits: Limits,
) -> Corrected:
    """Put corrections over what is labelled, and add the corrected mails of the archives, each mail
    once. Raises OSError for an archive that cannot be read."""
    known = by_message(corrections)
    taught = {
        message: said for message, said in known.items() if not said.keys().isdisjoint(TAUGHT)
    }
    examples: list[Example] = []
    overridden: set[bytes] = set()
    for example in labelled.examples if labelled else ():
        message = _message_of(example.source, tokens, limits) if known else b""
        said = known.get(message)
        examples.append(example if said is None else _corrected(example, said))
        if message in taught:
            overridden.add(message)
    used: set[bytes] = set()
    for stored in (one for path in archives for one in _messages(path, limits)):
        message = _message_of(stored, tokens, limits)
        if message in taught and message not in overridden and message not in used:
            used.add(message)
            place = f"{stored.file}#{stored.start}" if stored.length else str(stored.file)
            blank = Example.of(Labels(), id=place, place=place, source=stored)
            examples.append(_corrected(blank, taught[message]))
    wrong = [message for message in used | overridden if _was_wrong(taught[message])]
    return Corrected(
        labelled=LabelledSet(
            labelled.path if labelled else archives[0],
            tuple(examples),
            labelled.unreadable if labelled else (),
            labelled.notes if labelled else (),
        ),
        corrected=len(taught),
        used=len(used),
        overridden=len(overridden),
        other=len(known) - len(taught),
        wrong=len(wrong),
    )


def _corrected(example: Example, said: Mapping[str, Correction]) -> Example:
    if "skill" in said:
        # What a second reader would accept beside the old skill says nothing of the new one.
        example = replace(example, skill=said["skill"].value, skills_also=None)
    if "priority" in said:
        example = replace(example, priority=Priority(said["priority"].value))
    if "language" in said:
        example = replace(example, language=said["language"].value)
    return example


def _was_wrong(said: Mapping[str, Correction]) -> bool:
    return any(one.said not in ("", one.value) for facet, one in said.items() if facet in TAUGHT)


def _message_of(source: object, tokens: Tokens, limits: Limits) -> bytes:
    """The pseudonym of a mail's Message-ID; empty when it has none, or cannot be read."""
    if not isinstance(source, Stored):
        return b""
    try:
        with source.file.open("rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return b""
            stream.seek(source.start)
            most = min(limits.max_header_bytes, source.length or limits.max_header_bytes)
            head = stream.read(min(_HEAD, most))
            fields, _, is_whole = split_fields(head, skip_mbox_line(head))
            if not is_whole or len(head) == _HEAD:
                head += stream.read(most - len(head))
                fields, _, _ = split_fields(head, skip_mbox_line(head))
    except OSError:
        return b""
    written = next((value for name, value in fields if name.lower() == b"message-id"), b"")
    found = message_ids(written)
    return tokens.pseudonym("message-id", found[0]) if found else b""


def _messages(path: Path, limits: Limits) -> Iterator[Stored]:
    """Every mail of a file, an mbox, a folder or a Maildir, with the folders in it; links are not
    followed. Raises OSError."""
    if path.is_dir():
        for file in _files(path, 0):
            yield from _stored(file, limits)
    else:
        yield from _stored(path, limits)


def _stored(file: Path, limits: Limits) -> Iterator[Stored]:
    with file.open("rb") as stream:
        is_mbox = file.suffix.lower() != ".eml" and stream.read(len(_MBOX)) == _MBOX
    if is_mbox:
        yield from Mbox(file, limits).messages
    else:
        yield Stored(file)


def _files(folder: Path, depth: int) -> Iterator[Path]:
    entries = sorted(folder.iterdir())
    is_maildir = (folder / _CUR).is_dir() and (folder / _NEW).is_dir()
    for entry in entries:
        if entry.is_symlink():
            continue
        if entry.is_dir():
            # The sub-folders of a Maildir are hidden; what tmp holds has not been delivered yet.
            is_part = is_maildir and entry.name in (_NEW, _CUR)
            is_below = not entry.name.startswith(".") or is_maildir
            if depth < _DEEPEST and (is_part or (is_below and entry.name != _TMP)):
                yield from _files(entry, depth + 1)
        elif entry.is_file() and not is_maildir and not entry.name.startswith("."):
            yield entry
