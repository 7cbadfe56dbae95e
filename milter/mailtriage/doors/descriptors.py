"""Sockets of this process by their descriptors: how ours takes the place of libmilter's."""

import contextlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def unused_address(family: int) -> Iterator[str]:
    """An address of that family, in libmilter's spelling, that nobody will ever connect to.

    Of the same family as our socket: libmilter drops connections from an address of another one.
    """
    if family == socket.AF_INET:
        yield "inet:0@127.0.0.1"
    elif family == socket.AF_INET6:
        yield "inet6:0@::1"
    else:
        with tempfile.TemporaryDirectory(prefix="mailtriage-") as folder:
            yield f"unix:{folder}/unused.sock"


def socket_inodes() -> dict[int, int]:
    """Inode to descriptor of every socket of this process."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        # The descriptor that lists the directory is closed again by now.
        with contextlib.suppress(OSError):
            status = os.fstat(int(entry.name))
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = int(entry.name)
    return found
