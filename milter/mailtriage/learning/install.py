"""Puts a model into its place, keeps the one before it, and brings that one back.

Killed at any moment, FILE is one whole model, the old or the new. Nothing here follows a link of
the last part of the path: root installs into a folder that belongs to the service.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mailtriage.classifier.store import load_model

MODE: Final = 0o644
"""The model holds weights and no mail: whoever may start mailtriage may read it."""


class InstallError(Exception):
    """A model that cannot be put there; the message says why."""


def previous_of(file: Path) -> Path:
    """Where the model before this one is kept."""
    return file.with_name(f"{file.name}.previous")


def where_wrong(file: Path) -> str:
    """Why no model could be written there; empty when one can. Asked before minutes of training."""
    folder = file.parent
    if not folder.is_dir():
        return f"{folder}: there is no such folder; make it, or name another file with --output"
    if file.is_dir():
        return f"{file}: is a folder"
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return f"{folder}: no permission to write there"
    return ""


def install(content: bytes, file: Path) -> bool:
    """Put a model there; whether there was one before, which is now beside it.

    Raises InstallError.
    """
    beside, kept = _beside(file, "new"), _beside(file, "kept")
    with _folder(file) as folder:
        try:
            _write(beside, content, folder)
            had_one = os.path.lexists(file)
            if had_one:
                _copy_of(file, kept, folder)
                kept.replace(previous_of(file))
            beside.replace(file)
            os.fsync(folder)
        finally:
            for left in (beside, kept):
                left.unlink(missing_ok=True)
    return had_one


def roll_back(file: Path) -> None:
    """Swap the model and the one before it. Raises InstallError, and ModelError when the one before
    is no model."""
    previous, kept = previous_of(file), _beside(file, "kept")
    with _folder(file) as folder:
        # A swap that was killed half-way: the model is the older one already, the newer waits here.
        if kept.exists() and not previous.exists():
            kept.replace(previous)
        if not previous.is_file():
            hint = f"; without {file.name} the shipped model is used" if file.exists() else ""
            raise InstallError(f"{previous}: there is no earlier model{hint}")
        load_model(previous)
        kept.unlink(missing_ok=True)
        had_one = os.path.lexists(file)
        if had_one:
            _copy_of(file, kept, folder)
        previous.replace(file)
        if had_one:
            kept.replace(previous)
        kept.unlink(missing_ok=True)  # it stays when both were one file, after a kill
        os.fsync(folder)


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f".{file.name}.{what}")


@contextmanager
def _folder(file: Path) -> Iterator[int]:
    """The folder of the file, open, and ours alone as long as we write in it."""
    try:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InstallError(f"{file.parent}: {_reason(error)}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    except OSError as error:
        raise InstallError(f"{file}: cannot be written: {_reason(error)}") from None
    finally:
        os.close(folder)


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()


def _write(file: Path, content: bytes, folder: int) -> None:
    """A new file with its bytes on the disk, of the folder's owner when we are root."""
    file.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(file, flags, MODE), "wb") as stream:  # noqa: PTH123  a descriptor, no path
        os.fchmod(stream.fileno(), MODE)
        if os.geteuid() == 0:
            owner = os.fstat(folder)
            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _copy_of(file: Path, copy: Path, folder: int) -> None:
    """A second name for the file, or a second file where the file system has no second names."""
    copy.unlink(missing_ok=True)
    with suppress(OSError):
        os.link(file, copy, follow_symlinks=False)
        return
    _write(copy, file.read_bytes(), folder)
