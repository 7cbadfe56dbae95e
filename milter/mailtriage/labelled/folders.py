"""Mail sorted into folders: the name of each folder is the skill of the mails in it.

Plain folders of .eml files, folders that are Maildirs, and the sub-folders of a Maildir, which are
hidden (".Billing", Maildir++). A folder in a folder belongs to the skill of the upper one.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailtriage.labelled.collect import Collector, why_unreadable, within
from mailtriage.labelled.model import Example, Labels, Stored
from mailtriage.labelled.names import modified_utf7

_NO_SKILLS: Final = frozenset(
    {
        "archive", "archives", "deleted", "deleted items", "deleted messages", "drafts", "junk",
        "junk e-mail", "outbox", "sent", "sent items", "sent messages", "spam", "templates",
        "trash",
    }
)  # fmt: skip
"""Folders that mail programs make in every mailbox (RFC 6154 and their own words)."""
_MAX_DEPTH: Final = 20


def is_maildir(place: Path) -> bool:
    """Whether it is a Maildir: it has "cur" and "new"."""
    return (place / "cur").is_dir() and (place / "new").is_dir()


def has_folders(place: Path) -> bool:
    """Whether there are folders in it that can be skills."""
    return any(True for _ in _skill_folders(place))


def read_folders(root: Path, into: Collector) -> None:
    """Add every mail of every folder in `root`. Raises TooMany, OSError."""
    spelled: dict[str, str] = {}
    left_out = []
    for label, folder in _skill_folders(root):
        if is_maildir(root) and label.casefold() in _NO_SKILLS:
            left_out.append(label)
            continue
        name, wrong = into.skills.take(label, "a folder")
        other = spelled.setdefault(name, label)
        if not wrong and other != label:
            # Two folders whose names differ in nothing but case.
            wrong = f"'{label}' and '{other}' (a folder) both become {name}"
        if wrong:
            into.problem(folder, 1, wrong, "rename one of them" if name else "rename it")
            continue
        for file in _mails(folder, root, 0):
            _add(file, root, name, into)
    if left_out:
        into.note(f"left out, folders of the mail program: {', '.join(sorted(set(left_out)))}")
    into.unlabelled(sum(1 for _ in _own_mails(root, root)))


def _add(file: Path, root: Path, skill: str, into: Collector) -> None:
    reason = why_unreadable(file)
    if reason:
        into.unreadable(file, reason)
        return
    name = os.fspath(file.relative_to(root))
    into.add(Example.of(Labels(skill=skill), id=name, place=name, source=Stored(file)))


def _skill_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Label and folder of each skill, in the order of the names. Links are not followed."""
    maildir = is_maildir(root)
    for entry in sorted(root.iterdir()):
        if entry.is_symlink() or not entry.is_dir():
            continue
        if not entry.name.startswith("."):
            # Dovecot can keep the folders of a Maildir in plain sight (LAYOUT=fs).
            if not maildir or is_maildir(entry):
                yield entry.name, entry
        elif is_maildir(entry):
            parts = [part for part in modified_utf7(entry.name).split(".") if part]
            if len(parts) > 1 and parts[0].upper() == "INBOX":
                del parts[0]
            if parts:
                yield parts[0], entry


def _own_mails(folder: Path, root: Path) -> Iterator[Path]:
    """The mails that lie in a folder itself; what tmp holds has not been delivered yet."""
    maildir = is_maildir(folder)
    for place in (folder / "new", folder / "cur") if maildir else (folder,):
        for file in sorted(place.iterdir()):
            if file.name.startswith(".") or file.is_dir():
                continue
            # MH has numbers for names.
            if not (maildir or file.suffix.lower() == ".eml" or file.name.isdecimal()):
                continue
            if not file.is_symlink() or within(root, os.fspath(file.relative_to(root))):
                yield file


def _mails(folder: Path, root: Path, depth: int) -> Iterator[Path]:
    yield from _own_mails(folder, root)
    if depth >= _MAX_DEPTH:
        return
    parts = {"cur", "new", "tmp"} if is_maildir(folder) else set()
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not entry.is_dir() or entry.name in parts:
            continue
        if not entry.name.startswith(".") or is_maildir(entry):
            yield from _mails(entry, root, depth + 1)
