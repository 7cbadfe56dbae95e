"""Supervisor and workers: crash, reload, stop, restart. No open session pays for any of it."""

import os
import re
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.mails import assert_tagged
from tests.support.milter_wire import Address, DisconnectedError, MilterSession, Sample, Step, tag
from tests.support.postfix import free_port
from tests.support.serve import Service, alive, children, wait_for

Start = Callable[..., Service]


def assert_tags(address: Address, sample: Sample) -> None:
    assert_tagged(tag(address, sample).applied_to(sample.headers))


def open_sockets(pid: int) -> int:
    """How many sockets a process holds open."""
    links = (fd.readlink() for fd in Path(f"/proc/{pid}/fd").iterdir())
    return sum(str(link).startswith("socket:") for link in links)


def open_on_every_worker(service: Service, address: Address) -> list[MilterSession]:
    """Open sessions until each worker has at least one (the kernel chooses who gets which)."""
    idle = {pid: open_sockets(pid) for pid in service.workers()}
    sessions: list[MilterSession] = []
    while any(open_sockets(pid) <= count for pid, count in idle.items()):
        sessions += [MilterSession(address).open() for _ in range(4)]
        assert len(sessions) < 200, "one worker gets no session"
    return sessions


def test_a_killed_worker_takes_only_its_own_sessions_with_it(
    start: Start, directory: Path, plain: Sample
) -> None:
    address = directory / "milter.sock"
    service = start("workers = 2")
    victim, other = service.workers()
    idle = open_sockets(victim)
    sessions = open_on_every_worker(service, address)
    doomed = open_sockets(victim) - idle
    for session in sessions:
        session.stop_after(plain, Step.BODY)
    os.kill(victim, signal.SIGKILL)

    lost = 0
    for session in sessions:
        try:
            assert_tagged(session.end(plain).applied_to(plain.headers))
        except (DisconnectedError, ConnectionError):
            lost += 1
        session.drop()
    assert lost == doomed
    wait_for(lambda: len(service.workers()) == 2, "a new worker")
    assert other in service.workers()
    for _ in range(4):
        assert_tags(address, plain)


def test_workers_that_keep_crashing_are_started_again(
    start: Start, directory: Path, plain: Sample
) -> None:
    service = start("workers = 2")
    for _ in range(3):
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        assert_tags(directory / "milter.sock", plain)
    wait_for(lambda: len(service.workers()) == 2, "both workers")


def test_reload_serves_open_sessions_to_their_end(
    start: Start, directory: Path, plain: Sample
) -> None:
    address = directory / "milter.sock"
    service = start("workers = 2")
    before = set(service.workers())
    sessions = open_on_every_worker(service, address)
    for session in sessions:
        session.stop_after(plain, Step.BODY)
    service.reload()
    assert_tags(address, plain)
    for session in sessions:
        assert_tagged(session.end(plain).applied_to(plain.headers))
        session.abort()
        assert_tagged(session.message(plain).applied_to(plain.headers))
        session.quit()
    wait_for(lambda: not before & set(service.workers()), "the old workers to leave")
    assert len(service.workers()) == 2


def test_reload_takes_the_new_configuration(start: Start, directory: Path, plain: Sample) -> None:
    address = directory / "milter.sock"
    service = start("workers = 2")
    assert_tags(address, plain)
    service.config.write_text(
        service.config.read_text() + "[networks]\noutbound = ['203.0.113.0/24']\n"
    )
    service.reload()
    assert tag(address, plain).edits == ()
    assert_tags_from_loopback(address, plain)


def assert_tags_from_loopback(address: Address, plain: Sample) -> None:
    reply = tag(address, plain, client_address=b"127.0.0.1")
    assert_tagged(reply.applied_to(plain.headers))


@pytest.mark.parametrize(
    "broken",
    ["[milter\n", "[milter]\nworker = 2\n", "[policies]\ndirectories = ['/does/not/exist']\n"],
    ids=["not TOML", "unknown key", "missing policies"],
)
def test_a_bad_configuration_never_replaces_a_good_one(
    start: Start, directory: Path, plain: Sample, broken: str
) -> None:
    service = start("workers = 1")
    workers, log = service.workers(), service.log()
    service.config.write_text(broken)
    service.signal(signal.SIGHUP)
    wait_for(lambda: "mailtriage.toml" in service.log()[len(log) :], "the mistake to be logged")
    assert service.workers() == workers
    assert_tags(directory / "milter.sock", plain)


def test_a_reload_does_not_pretend_to_listen_elsewhere(
    start: Start, directory: Path, plain: Sample
) -> None:
    service = start("workers = 1")
    workers = service.workers()
    config = service.config.read_text()
    service.config.write_text(config.replace("milter.sock", "elsewhere.sock"))
    service.signal(signal.SIGHUP)
    wait_for(lambda: "event=reload-refused" in service.log(), "the reload to be refused")
    assert "milter.listen: changed" in service.log()
    assert "needs a restart" in service.log()
    assert service.workers() == workers
    assert_tags(directory / "milter.sock", plain)


def test_many_reloads_at_once_end_well(start: Start, directory: Path, plain: Sample) -> None:
    service = start("workers = 2")
    before = set(service.workers())
    for _ in range(5):
        service.signal(signal.SIGHUP)
        assert_tags(directory / "milter.sock", plain)
    wait_for(
        lambda: len(service.workers()) == 2 and not before & set(service.workers()),
        "two new workers and no more",
    )
    assert_tags(directory / "milter.sock", plain)


def test_stop_waits_for_the_open_session(start: Start, directory: Path, plain: Sample) -> None:
    service = start("workers = 2")
    workers = service.workers()
    session = MilterSession(directory / "milter.sock").open()
    session.stop_after(plain, Step.BODY)
    service.signal(signal.SIGTERM)
    wait_for(lambda: "event=" in service.log() and len(service.workers()) == 1, "the idle worker")
    assert_tagged(session.end(plain).applied_to(plain.headers))
    session.abort()
    assert_tagged(session.message(plain).applied_to(plain.headers))
    session.quit()
    assert service.stop() == 0
    assert not any(alive(pid) for pid in workers)
    assert not (directory / "milter.sock").exists()


def test_stop_does_not_wait_for_ever(start: Start, directory: Path, plain: Sample) -> None:
    service = start("workers = 2", "drain = '1s'")
    workers = service.workers()
    with MilterSession(directory / "milter.sock").open():
        assert service.stop(timeout=20) == 0
    assert not any(alive(pid) for pid in workers)


def test_a_stopping_service_turns_new_connections_away(
    start: Start, directory: Path, plain: Sample
) -> None:
    """Postfix then passes the mail on at once, instead of waiting for a service that will not serve."""
    address = directory / "milter.sock"
    service = start("workers = 2")
    session = MilterSession(address).open()
    service.signal(signal.SIGTERM)

    def refused() -> bool:
        try:
            MilterSession(address, timeout=1).drop()
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        return False

    wait_for(refused, "new connections to be refused", timeout=10)
    assert_tagged(session.message(plain).applied_to(plain.headers))
    session.quit()
    assert service.stop() == 0


def test_workers_do_not_outlive_a_killed_supervisor(
    start: Start, directory: Path, plain: Sample
) -> None:
    """And the socket it leaves behind does not keep the next one from starting."""
    service = start("workers = 2")
    workers = service.workers()
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    wait_for(lambda: not any(alive(pid) for pid in workers), "the workers to follow")
    assert (directory / "milter.sock").exists()
    service.start()
    assert_tags(directory / "milter.sock", plain)


def test_a_killed_supervisor_is_replaced_while_its_workers_finish(
    start: Start, directory: Path, plain: Sample
) -> None:
    """Workers that only see an old session through do not count as somebody who listens."""
    address = directory / "milter.sock"
    service = start("workers = 2")
    session = MilterSession(address).open()
    workers = service.workers()
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    wait_for(lambda: sum(alive(pid) for pid in workers) == 1, "the idle worker to leave")
    service.start()
    assert_tags(address, plain)
    assert_tagged(session.message(plain).applied_to(plain.headers))
    session.quit()


def test_a_stale_socket_is_replaced(start: Start, directory: Path, plain: Sample) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "milter.sock"))
    start("workers = 1")
    assert_tags(directory / "milter.sock", plain)


def test_a_file_that_is_no_socket_is_never_removed(directory: Path) -> None:
    precious = directory / "milter.sock"
    precious.write_text("precious")
    service = Service(directory, f'[milter]\nlisten = "unix:{precious}"\n')
    service.spawn()
    wait_for(service.gone, "serve to give up")
    assert precious.read_text() == "precious"
    assert str(precious) in service.log()
    assert "Traceback" not in service.log()


@pytest.mark.parametrize("kind", ["unix", "inet"])
def test_a_second_instance_leaves_the_first_alone(
    start: Start, directory: Path, plain: Sample, kind: str
) -> None:
    port = free_port()
    address: Address = directory / "milter.sock" if kind == "unix" else ("127.0.0.1", port)
    listen = f"unix:{address}" if kind == "unix" else f"inet:127.0.0.1:{port}"
    start("workers = 1", listen=listen)

    (directory / "second").mkdir()
    second = Service(directory / "second", f'[milter]\nlisten = "{listen}"\nworkers = 1\n')
    second.spawn()
    wait_for(second.gone, "the second to give up")
    assert second.process is not None
    assert second.process.returncode == 1
    assert "Traceback" not in second.log()
    assert "in use" in second.log() or "already" in second.log()
    assert_tags(address, plain)


@pytest.mark.parametrize("spelling", ["inet:127.0.0.1:{}", "inet:{}@127.0.0.1"])
def test_tcp(start: Start, plain: Sample, spelling: str) -> None:
    port = free_port()
    start("workers = 2", listen=spelling.format(port))
    for _ in range(4):
        assert_tags(("127.0.0.1", port), plain)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to any group")
def test_mode_and_group_of_the_socket(start: Start, directory: Path) -> None:
    start("workers = 1", "socket_mode = '0620'", "socket_group = 'daemon'")
    status = (directory / "milter.sock").stat()
    assert stat.S_IMODE(status.st_mode) == 0o620
    assert (directory / "milter.sock").group() == "daemon"


def test_the_socket_is_closed_to_others_by_default(start: Start, directory: Path) -> None:
    start("workers = 1")
    assert stat.S_IMODE((directory / "milter.sock").stat().st_mode) == 0o660


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET, socket.AF_INET6])
def test_a_socket_inherited_from_systemd_survives_a_restart(
    start: Start, directory: Path, plain: Sample, family: socket.AddressFamily
) -> None:
    """Who connects while nobody listens waits in the socket's backlog, and is served."""
    path = directory / "milter.sock"
    local = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}
    with socket.socket(family) as listener:
        listener.bind(local.get(family, str(path)))
        listener.listen(128)
        address: Address = path if family == socket.AF_UNIX else listener.getsockname()[:2]
        service = start("workers = 2", listen="fd:3", listen_on=listener)
        assert_tags(address, plain)
        service.stop()
        assert family != socket.AF_UNIX or path.exists(), "the socket belongs to systemd"
        waiting = MilterSession(address)
        service.start()
        assert_tagged(waiting.open().message(plain).applied_to(plain.headers))
        waiting.quit()


def test_nothing_is_left_running(start: Start, plain: Sample, directory: Path) -> None:
    service = start("workers = 2")
    everybody = children(service.pid)
    assert_tags(directory / "milter.sock", plain)
    assert service.stop() == 0
    wait_for(lambda: not any(alive(pid) for pid in everybody), "all children to leave")


def test_a_process_that_keeps_crashing_delays_nobody_elses_successor(start: Start) -> None:
    service = start("workers = 1", "analysers = 1")
    for _ in range(5):
        kill(service, "analyser")
        wait_for(lambda: service.workers("analyser"), "another analyser")
    (worker,) = service.workers()
    kill(service, "analyser")
    kill(service, "milter")
    wait_for(lambda: service.workers() not in ([], [worker]), "another milter worker")
    wait_for(lambda: service.workers("analyser"), "another analyser")
    starts = re.findall(r"event=worker-started door=(\w+)", service.log())
    assert starts[-2:] == ["milter", "analyser"], "the one that crashed once came back first"


def kill(service: Service, door: str) -> None:
    """End the only process of that door without a warning, and wait until it is gone."""
    (victim,) = service.workers(door)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in service.workers(door), f"the {door} to be gone")
