"""The secret of the installation: 32 random bytes in a file, from which all keys are derived.

Who has it can address the desk and forge our Message-IDs, so nobody but the service may read it.
All nodes of one organisation share it: copy the file.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

SECRET_BYTES: Final = 32
_MOST_BYTES: Final = 4096


class SecretError(Exception):
    """A secret that must not be used; the message says what to do."""


def read_secret(file: Path) -> bytes:
    """The secret: the whole content of the file, 32 bytes or more.

    Raises SecretError when it is missing, too short, or readable by others than owner and group.
    """
    try:
        # Of the open file, so that what was checked is what is read.
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(_MOST_BYTES)
    except FileNotFoundError:
        raise SecretError(
            f"{file}: there is no secret yet; the first start of mailtriage serve makes it"
        ) from None
    except OSError as error:
        raise SecretError(f"{file}: cannot be read: {_reason(error)}") from error
    if not stat.S_ISREG(mode):
        raise SecretError(f"{file}: is no ordinary file")
    if mode & stat.S_IRWXO:
        raise SecretError(f"{file}: others may read or change it; run chmod o= {file}")
    if len(content) < SECRET_BYTES:
        raise SecretError(
            f"{file}: has {len(content)} bytes, and needs {SECRET_BYTES}; "
            "copy it from another node, or remove it, and the next start makes a new one"
        )
    return content


def make_secret(file: Path) -> bytes:
    """The secret, made now unless it is there: 32 random bytes, mode 0600, on the disk for good.

    Two processes may call this at once: both get the same bytes. Raises SecretError.
    """
    if not file.exists():
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        try:
            _write(draft, secrets.token_bytes(SECRET_BYTES))
            try:
                # Unlike rename(2), link(2) never replaces what another process has just made, and
                # nobody ever sees a file that is not complete.
                with contextlib.suppress(FileExistsError):
                    file.hardlink_to(draft)
                sync_directory(file.parent)
            finally:
                draft.unlink()
        except OSError as error:
            raise SecretError(f"{file}: cannot be made: {_reason(error)}") from error
    return read_secret(file)


def sync_directory(directory: Path) -> None:
    """Makes new names in a directory outlive a power failure. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(file: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
