"""Whether somebody answers at a place, and whether Postfix's own user gets that far."""

import contextlib
import errno
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailtriage.config.endpoints import parse_socket
from mailtriage.doctor.facts import Reached

_TIME_LIMIT: Final = 5.0
_MILTER_QUIT: Final = b"\0\0\0\1Q"


@contextlib.contextmanager
def connected(place: str, timeout: float = _TIME_LIMIT) -> Iterator[socket.socket]:
    """A connection to "unix:/path" or "inet:host:port". Raises OSError."""
    kind, _, rest = place.partition(":")
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        try:
            sock.connect(rest)
        except BaseException:
            sock.close()
            raise
    else:
        address = parse_socket(place)
        sock = socket.create_connection((address.host, address.port), timeout)
    with sock:
        yield sock


def reach_milter(place: str, user: str) -> Reached:
    """Connect as Postfix would, and take leave as a milter's client does."""
    error = 0
    try:
        with connected(place) as sock:
            sock.sendall(_MILTER_QUIT)
    except (OSError, ValueError) as fault:
        error = _errno(fault)
    return _as_postfix(place, error, user)


def reach_server(place: str, hello: str, user: str) -> Reached:
    """Connect to a mail server, say `hello` ("EHLO", "LHLO") and QUIT."""
    error, answer = 0, ""
    try:
        with connected(place, 2 * _TIME_LIMIT) as sock:
            stream = sock.makefile("rb")
            if _reply(stream).startswith("220"):
                sock.sendall(f"{hello} localhost\r\n".encode())
                answer = _reply(stream)
                sock.sendall(b"QUIT\r\n")
                _reply(stream)
    except TimeoutError:
        answer = ""
    except (OSError, ValueError) as fault:
        error = _errno(fault)
    reached = _as_postfix(place, error, user)
    greeting = answer if answer.startswith("250") else ""
    return Reached(place, error, reached.postfix_error, reached.closed, greeting)


def _reply(stream: object) -> str:
    """The last line of a reply, at most a hundred lines long."""
    line = b""
    for _ in range(100):
        line = stream.readline(2048)  # type: ignore[attr-defined]  # a BinaryIO of makefile
        if line[3:4] != b"-":
            break
    return line.decode("latin-1").strip()


def _as_postfix(place: str, error: int, user: str) -> Reached:
    kind, _, path = place.partition(":")
    if kind != "unix" or error == errno.ENOENT:
        return Reached(place, error)
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return Reached(place, error, None)
    groups = set(os.getgrouplist(user, account.pw_gid))
    try:
        closed = _closed_to(Path(path), account.pw_uid, groups)
    except PermissionError:
        return Reached(place, error, None)  # somewhere on the way we may not look either
    except OSError:
        return Reached(place, error)
    if os.geteuid() == 0 and not error:
        found = _connects_as(path, account.pw_uid, account.pw_gid, groups)
        return Reached(place, error, found, closed if found else "")
    return Reached(place, error, errno.EACCES if closed else 0, closed)


def _closed_to(path: Path, uid: int, groups: set[int]) -> str:
    """The first directory on the way, or the socket, that does not let that user through; by its
    mode, as far as no access list says otherwise. Raises OSError."""
    for each in (*reversed(path.parents), path):
        found = each.stat()
        want = stat.S_IWOTH if each == path else stat.S_IXOTH
        shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups else 0
        if uid and not found.st_mode & (want << shift):
            return str(each)
    return ""


def _connects_as(path: str, uid: int, gid: int, groups: set[int]) -> int:
    """What connecting as that user ends with (errno), in a process of its own."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    code = errno.EIO
    try:
        os.setgroups(list(groups))
        os.setgid(gid)
        os.setuid(uid)
        with connected(f"unix:{path}"):
            code = 0
    except OSError as fault:
        code = _errno(fault)
    finally:
        os._exit(code)


def _errno(fault: Exception) -> int:
    if isinstance(fault, TimeoutError):
        return errno.ETIMEDOUT
    if isinstance(fault, socket.gaierror | ValueError):
        return errno.EHOSTUNREACH
    return getattr(fault, "errno", None) or errno.EIO
