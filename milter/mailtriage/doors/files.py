"""Mail from files: .eml, folders of them, Maildir, mbox, standard input."""

import mailbox
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STDIN: Final = "-"

_SUFFIXES: Final = (".eml", ".msg", ".txt", "")


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
        yield StoredMail("-", sys.stdin.buffer.read())
        return
    place = Path(path)
    try:
        if place.is_dir():
            yield from _folder(place)
        elif _is_mbox(place):
            yield from _mbox(place)
        else:
            yield StoredMail(path, place.read_bytes())
    except OSError as error:
        raise UnreadablePath(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _folder(place: Path) -> Iterator[StoredMail]:
    """A Maildir (cur and new) or a folder of message files, with its sub-folders."""
    if (place / "cur").is_dir() and (place / "new").is_dir():
        files = [file for name in ("new", "cur") for file in sorted((place / name).iterdir())]
    else:
        files = sorted(file for file in place.rglob("*") if file.suffix.lower() in _SUFFIXES)
    found = False
    for file in files:
        if file.is_file() and not file.name.startswith("."):
            found = True
            yield StoredMail(str(file), file.read_bytes())
    if not found:
        raise UnreadablePath(f"{place}: no messages in this folder")


def _is_mbox(place: Path) -> bool:
    """RFC 4155: an mbox starts with "From "; an .eml file may too, and then has no second one."""
    with place.open("rb") as stream:
        if stream.read(5) != b"From ":
            return False
        return place.suffix.lower() != ".eml"


def _mbox(place: Path) -> Iterator[StoredMail]:
    box = mailbox.mbox(place, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), start=1):
            yield StoredMail(f"{place}#{number}", box.get_bytes(key))
    finally:
        box.close()
