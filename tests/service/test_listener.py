"""The listening socket: never seen half made, never taken from somebody who is alive."""

import contextlib
import grp
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.config.endpoints import SocketAddress, parse_socket
from mailtriage.service import listener
from mailtriage.service.listener import Listener, ListenError, private_listener


@pytest.fixture(autouse=True)
def _not_passed_by_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    monkeypatch.setattr(listener, "PATIENCE", 0.3)


@contextlib.contextmanager
def listening(
    address: SocketAddress | Path,
    *,
    mode: int = 0o660,
    group: str = "",
    inherit: bool = True,
    group_key: str = "milter.socket_group",
) -> Iterator[Listener]:
    """A listener, closed in the end."""
    where = parse_socket(f"unix:{address}") if isinstance(address, Path) else address
    opened = listener.listen(where, mode=mode, group=group, inherit=inherit, group_key=group_key)
    try:
        yield opened
    finally:
        opened.close()


def answers(path: Path) -> bool:
    """Whether somebody accepts there."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def refusal(address: SocketAddress | Path, **how: object) -> str:
    """Why listening there is refused."""
    with pytest.raises(ListenError) as refused, listening(address, **how):  # type: ignore[arg-type] # passed on
        pass
    return str(refused.value)


def test_it_answers_until_it_is_closed(directory: Path) -> None:
    path = directory / "a.sock"
    with listening(path) as opened:
        assert answers(path)
        assert opened.name() == f"unix:{path}"
        assert os.get_blocking(opened.fileno()) is False
    assert list(directory.iterdir()) == []


def test_a_living_socket_is_not_taken(directory: Path) -> None:
    path = directory / "a.sock"
    with listening(path):
        assert refusal(path) == f"{path}: another process listens here already"
        assert answers(path)
    assert list(directory.iterdir()) == []


def test_one_that_has_more_callers_than_it_takes_is_living_too(directory: Path) -> None:
    path = directory / "a.sock"
    with socket.socket(socket.AF_UNIX) as slow, contextlib.ExitStack() as callers:
        slow.bind(str(path))
        slow.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                caller = callers.enter_context(socket.socket(socket.AF_UNIX))
                caller.settimeout(0)
                caller.connect(str(path))
        assert refusal(path) == f"{path}: another process listens here already"


def test_the_last_breath_of_a_dead_service_is_waited_for(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of a supervisor that was killed hold the socket for some seconds more."""
    monkeypatch.setattr(listener, "PATIENCE", 20.0)
    path = directory / "a.sock"
    dying = socket.socket(socket.AF_UNIX)
    dying.bind(str(path))
    dying.listen(8)
    threading.Timer(0.5, dying.close).start()
    with listening(path):
        assert answers(path)


def test_a_stale_socket_is_replaced(directory: Path) -> None:
    path = directory / "a.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    with listening(path):
        assert answers(path)


@pytest.mark.parametrize("kind", ["file", "directory", "pipe"])
def test_what_is_no_socket_is_left_alone(directory: Path, kind: str) -> None:
    path = directory / "a.sock"
    {"file": path.touch, "directory": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    before = path.stat()
    assert refusal(path) == f"{path}: there is something that is not a socket; move it away"
    assert path.stat() == before
    assert list(directory.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_mode_is_what_was_asked_for(directory: Path, mode: int, umask: int) -> None:
    path = directory / "a.sock"
    before = os.umask(umask)
    try:
        with listening(path, mode=mode):
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_the_group_is_what_was_asked_for(directory: Path) -> None:
    others = [group for group in grp.getgrall() if group.gr_gid in os.getgroups()]
    if os.geteuid() == 0:
        others = [group for group in grp.getgrall() if group.gr_gid != os.getegid()]
    path = directory / "a.sock"
    with listening(path, group=others[0].gr_name):
        assert path.stat().st_gid == others[0].gr_gid


def test_a_group_that_nobody_knows_is_named(directory: Path) -> None:
    why = refusal(directory / "a.sock", group="nobodys", group_key="desk.socket_group")
    assert why == "desk.socket_group: there is no group 'nobodys'"
    assert list(directory.iterdir()) == []


def test_the_directory_is_made(directory: Path) -> None:
    path = directory / "run" / "mailtriage" / "a.sock"
    directory.chmod(0o700)
    before = os.umask(0o077)
    try:
        with listening(path):
            assert answers(path)
    finally:
        os.umask(before)
    made = [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.parent.parent)]
    assert made == [0o755, 0o755], "Postfix, another user, has to get through"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700, "what was there is left as it was"


def test_a_directory_that_cannot_be_made_is_named(directory: Path) -> None:
    (directory / "file").touch()
    why = refusal(directory / "file" / "a.sock")
    assert why.startswith(f"{directory}/file/a.sock: ")
    assert why.endswith("Not a directory")


def test_the_longest_path_that_the_configuration_takes_works(directory: Path) -> None:
    path = directory / ("a" * (100 - len(f"{directory}/")))
    with listening(path):
        assert answers(path)


def test_a_path_that_is_too_long_is_named(directory: Path) -> None:
    path = directory / ("a" * 120)
    why = refusal(SocketAddress("unix", path=str(path)))
    assert why.startswith(f"{path}: cannot listen here: ")
    assert "too long" in why
    assert list(directory.iterdir()) == []


def test_a_path_that_somebody_else_has_taken_since_is_left_alone(directory: Path) -> None:
    path = directory / "a.sock"
    with listening(path) as first:
        first.withdraw()
        assert not path.exists()
        with listening(path):
            first.withdraw()
            assert answers(path)


def test_tcp(directory: Path) -> None:
    with listening(SocketAddress("inet", host="127.0.0.1")) as opened:
        port = opened.name().rpartition(":")[2]
        assert opened.name() == f"inet:127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", int(port))):
            pass
        why = refusal(SocketAddress("inet", host="127.0.0.1", port=int(port)))
        assert why == f"127.0.0.1:{port}: cannot listen here: Address already in use"


def test_a_host_that_nobody_knows_is_named() -> None:
    why = refusal(SocketAddress("inet", host="nobody.invalid", port=8894))
    assert why.startswith("nobody.invalid:8894: cannot listen here: ")
    assert "None" not in why


def test_a_socket_that_was_passed_is_used_and_outlives_us(directory: Path) -> None:
    path = directory / "systemds.sock"
    with socket.socket(socket.AF_UNIX) as systemds:
        systemds.bind(str(path))
        systemds.listen(8)
        address = SocketAddress("fd", descriptor=systemds.fileno())
        with listening(address) as opened:
            assert opened.name() == f"unix:{path}"
            assert opened.inherited
            assert answers(path)
        assert answers(path)


@pytest.mark.parametrize("what", ["nothing", "file", "socket that does not listen"])
def test_what_was_passed_and_is_no_listening_socket_is_refused(directory: Path, what: str) -> None:
    with (directory / "file").open("w") as file, socket.socket(socket.AF_UNIX) as idle:
        descriptor = {"nothing": 999, "file": file.fileno()}.get(what, idle.fileno())
        why = refusal(SocketAddress("fd", descriptor=descriptor))
        os.fstat(file.fileno())
        os.fstat(idle.fileno())
    assert why.startswith(f"fd:{descriptor}: ")


def test_the_private_socket_is_for_this_user_and_goes_in_the_end() -> None:
    with private_listener(8) as (path, opened):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert answers(path)
        assert os.get_blocking(opened.fileno()) is False
    assert not path.parent.exists()
