"""The listening socket that all workers share."""

import contextlib
import grp
import os
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailtriage.config.endpoints import SocketAddress, host_and_port
from mailtriage.service.notify import passed_socket

BACKLOG: Final = 1024
"""Connections that wait while every worker is busy or being replaced."""


PATIENCE: Final = 6.0
"""Seconds for which a socket must answer before it counts as another program's."""


class ListenError(Exception):
    """The socket cannot be opened; the message says why and what to do."""


class Listener:
    """A bound and listening socket, and the path that it has to take with it."""

    def __init__(self, sock: socket.socket, path: Path | None, *, inherited: bool = False) -> None:
        """`path` is removed by `close`; None for TCP and for sockets that systemd owns."""
        self.inherited: Final = inherited
        """Whether somebody else, mostly systemd, has opened it."""
        self._socket: Final = sock
        self._path: Final = path
        self._inode: Final = path.stat().st_ino if path is not None else 0

    def fileno(self) -> int:
        """The descriptor; its flags (non-blocking) are shared by every copy of it."""
        return self._socket.fileno()

    def name(self) -> str:
        """Where it listens, in Postfix's spelling."""
        bound = self._socket.getsockname()
        if self._socket.family == socket.AF_UNIX:
            return f"unix:{bound}" if self._path is None else f"unix:{self._path}"
        return f"inet:{host_and_port(bound[0], bound[1])}"

    def withdraw(self) -> None:
        """Remove the path, so that Postfix goes on without us at once instead of waiting.

        A path that somebody else has taken since is left alone.
        """
        if self._path is not None:
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()

    def forget(self) -> None:
        """Give up this process's hold on the socket; others that have it go on."""
        self._socket.close()

    def close(self) -> None:
        """Stop listening."""
        self.withdraw()
        self._socket.close()


@contextlib.contextmanager
def private_listener(backlog: int) -> Iterator[tuple[Path, Listener]]:
    """A unix socket that only this user can reach, and its path; both go in the end."""
    with tempfile.TemporaryDirectory(prefix="mailtriage-") as folder:
        path = Path(folder) / "analysers.sock"
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(path))
        sock.listen(backlog)
        os.set_blocking(sock.fileno(), False)
        listener = Listener(sock, path)
        try:
            yield path, listener
        finally:
            listener.close()


def listen(
    address: SocketAddress,
    *,
    mode: int,
    group: str,
    inherit: bool,
    group_key: str = "milter.socket_group",
) -> Listener:
    """Open the listening socket, or (`inherit`) take the one that systemd passed.

    `group_key` is where the configuration names the group. Raises ListenError.

    Non-blocking: all workers poll it, and those that lose the race for a connection would otherwise
    sleep in accept() for ever and not hear that they are to stop.
    """
    passed = passed_socket() if inherit else None
    if passed is None and address.kind == "fd":
        passed = address.descriptor
    if passed is not None:
        listener = _inherited(passed)
    elif address.kind == "unix":
        listener = _listen_unix(Path(address.path), mode, group, group_key)
    else:
        listener = _listen_tcp(address.host, address.port)
    os.set_blocking(listener.fileno(), False)
    return listener


def _inherited(descriptor: int) -> Listener:
    """The listening socket that whoever started us left open."""
    try:
        sock = socket.socket(fileno=os.dup(descriptor))
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        what = (
            f"no socket was passed to this process: {(error.strerror or 'unknown error').lower()}"
        )
        raise ListenError(f"fd:{descriptor}: {what}") from None
    if not listening:
        sock.close()
        raise ListenError(f"fd:{descriptor}: the socket that was passed does not listen")
    return Listener(sock, None, inherited=True)


def _listen_unix(path: Path, mode: int, group: str, group_key: str) -> Listener:
    """Bind under a temporary name, set the permissions, then rename.

    So Postfix never sees a socket that it may not open, a stale file of a crashed run is replaced,
    and libmilter does not know the path that it would otherwise unlink when one worker ends.
    """
    if _answers(path):
        raise ListenError(f"{path}: another process listens here already")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    sock = socket.socket(socket.AF_UNIX)
    try:
        _make_directory(path.parent)
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        sock.bind(str(temporary))
        temporary.chmod(mode)
        if group:
            os.chown(temporary, -1, grp.getgrnam(group).gr_gid)
        sock.listen(BACKLOG)
        temporary.rename(path)
    except (OSError, KeyError) as error:
        sock.close()
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, KeyError):
            raise ListenError(f"{group_key}: there is no group '{group}'") from None
        # Python itself finds a path too long, and sets no strerror.
        raise ListenError(f"{path}: cannot listen here: {error.strerror or error}") from None
    return Listener(sock, path)


def _make_directory(directory: Path) -> None:
    """Make it and what is missing above it, open to Postfix whatever the umask, which is 0077 in
    the unit; what is there stays as it is. Raises OSError."""
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir()
            each.chmod(0o755)


def _answers(path: Path) -> bool:
    """Whether a living process listens on that path; a stale file is no obstacle.

    Patient: the workers of a supervisor that was killed let go of the socket at once, but libmilter
    sleeps on it for up to five seconds (poll(2) holds what it waits for).
    """
    until = time.monotonic() + PATIENCE
    while _accepts(path):
        if time.monotonic() >= until:
            return True
        time.sleep(0.2)
    return False


def _accepts(path: Path) -> bool:
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise ListenError(f"{path}: there is something that is not a socket; move it away")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
            return True
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except (TimeoutError, BlockingIOError):
        # Its backlog is full: whoever listens is slow, or has died over a crowd.
        return True
    except OSError as error:
        raise ListenError(f"{path}: {error.strerror}") from None


def _listen_tcp(host: str, port: int) -> Listener:
    try:
        family, *_, bound = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(bound)
        sock.listen(BACKLOG)
    except OSError as error:
        raise ListenError(f"{host}:{port}: cannot listen here: {error.strerror}") from None
    return Listener(sock, None)
