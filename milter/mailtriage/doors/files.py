"""Mail from files: .eml, folders of them, Maildir, mbox, standard input."""

import mailbox
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STDIN: Final = "-"

# What messages are called in a folder that is no Maildir; MH has no suffix at all.
_SUFFIXES: Final = (".eml", ".txt", ".mbox", "")


class UnreadablePath(Exception):  # noqa: N818  reads as what it is
    """A path that is no mail and has none in it; the message says why."""


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One message as it lies in a file."""

    name: str
    """The path; with the number of the message in an mbox: `inbox.mbox#3`."""
    raw: bytes


def stored_mails(path: str) -> Iterator[StoredMail]:
    """Every message at that path, in the order of the names. Raises UnreadablePath."""
    if path == STDIN:
        yield StoredMail(STDIN, sys.stdin.buffer.read())
        return
    place = Path(path)
    try:
        if not place.is_dir():
            yield from _file(place)
            return
        found = False
        for mail in _folder(place):
            found = True
            yield mail
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise UnreadablePath(f"{error.filename or path}: {reason}") from None
    if not found:
        raise UnreadablePath(f"{path}: no messages in this folder")


def _folder(place: Path) -> Iterator[StoredMail]:
    """A Maildir, or a folder of message files; with the folders in it, hidden ones left out.

    A Maildir++ keeps its sub-folders in hidden folders (".Sent"), which are Maildirs themselves.
    """
    is_maildir = _is_maildir(place)
    if is_maildir:
        for name in ("new", "cur"):
            for file in sorted((place / name).iterdir()):
                if file.is_file() and not file.name.startswith("."):
                    yield StoredMail(str(file), file.read_bytes())
    for entry in sorted(place.iterdir()):
        hidden = entry.name.startswith(".")
        if entry.is_dir():
            # A link to a folder may lead back up.
            if not entry.is_symlink() and (_is_maildir(entry) if is_maildir else not hidden):
                yield from _folder(entry)
        elif not is_maildir and not hidden and entry.suffix.lower() in _SUFFIXES:
            yield from _file(entry)


def _is_maildir(place: Path) -> bool:
    return (place / "cur").is_dir() and (place / "new").is_dir()


def _file(place: Path) -> Iterator[StoredMail]:
    """One message, or those of an mbox: RFC 4155, a file that begins with "From ".

    So may an .eml file, of which there is only one message.
    """
    with place.open("rb") as stream:
        is_mbox = place.suffix.lower() != ".eml" and stream.read(5) == b"From "
    if not is_mbox:
        yield StoredMail(str(place), place.read_bytes())
        return
    box = mailbox.mbox(place, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), start=1):
            yield StoredMail(f"{place}#{number}", box.get_bytes(key))
    finally:
        box.close()
