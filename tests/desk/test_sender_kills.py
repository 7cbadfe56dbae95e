"""The ack worker when it is killed, when the database is locked, and when it has to leave."""

import re
import secrets
import time
from pathlib import Path

from mailtriage.desk.sender import LOOK
from tests.desk.conftest import House, MailServer, Script
from tests.support.serve import wait_for

TEXT = b"Subject: thanks\r\nMessage-ID: <1@desk.example>\r\n\r\n.dot\r\n..\r\nbye\r\n"


def at(where: str, reply: str, times: int = 10**6) -> Script:
    """A script that answers so at that verb, `times` times."""
    left = [times]

    def script(verb: str, _: str) -> str:
        if verb == where and left[0]:
            left[0] -= 1
            return reply
        return ""

    return script


def test_killed_after_the_server_took_it_the_same_message_goes_out_once_more(
    house: House, server: MailServer
) -> None:
    """RFC 1047: nobody can know. The second one has the same Message-ID, byte for byte."""
    server.script = at("DOT", "HANG", times=1)
    house.start("acks")
    key = house.owe("ann@example.org", TEXT)
    wait_for(lambda: len(server.seen) == 1, "the message at the server")
    house.kill("acks")
    assert house.rows()[key][0] == "SENDING"
    with house.connection() as connection:
        connection.execute("UPDATE outbox SET due = 0")  # a minute passes
    house.start("acks")
    house.wait_state(key, "SENT")
    assert [taken.message for taken in server.seen] == [TEXT, TEXT]


def test_kills_lose_nothing_and_double_at_most_what_was_on_its_way(
    house: House, server: MailServer
) -> None:
    keys = [house.owe(f"ann@{number}.example") for number in range(60)]
    kills = 0
    for _ in range(6):
        house.start("acks")
        time.sleep(0.02 + secrets.randbelow(100) / 1000)
        house.kill("acks")
        kills += 1
        with house.connection() as connection:
            connection.execute("UPDATE outbox SET due = 0 WHERE state = 'SENDING'")
    house.start("acks")
    for key in keys:
        house.wait_state(key, "SENT")
    # Of four connections one has its message on its way when it is killed.
    assert 60 <= len(server.taken) <= 60 + kills
    assert len({taken.rcpt for taken in server.taken}) == 60


def test_a_locked_database_holds_up_the_mark_and_nothing_is_sent_twice(
    worker: House, server: MailServer
) -> None:
    slow = []

    def script(verb: str, _: str) -> str:
        if verb == "DOT" and not slow:
            slow.append(worker.lock())
        return ""

    server.script = script
    key = worker.owe()
    wait_for(lambda: "event=outbox-unusable" in worker.log(), "the failure in the log")
    slow[0].close()
    worker.wait_state(key, "SENT")
    assert len(server.taken) == 1
    wait_for(lambda: "event=outbox-usable" in worker.log(), "the recovery in the log")


def test_waiting_for_one_that_hangs_counts_neither_as_attempt_nor_as_failure(
    house: House, server: MailServer
) -> None:
    """The others stand before their first octet until it is their turn, and are put back."""
    server.script = at("DOT", "HANG", times=1)
    house.start("acks")
    first = house.owe()
    wait_for(lambda: len(server.seen) == 1, "the message at the server")
    others = [house.owe(f"ann@{number}.example") for number in range(3)]
    wait_for(lambda: house.log().count("event=ack state=held") >= 3, "the others to be put back")
    assert [house.rows()[key][2] for key in others] == ["", "", ""]
    assert len(server.seen) == 1
    server.release.set()
    for key in others:
        assert house.wait_state(key, "SENT") == ("SENT", 1, "")
    assert house.wait_state(first, "SENT")[1] == 2
    assert "event=ack-server" not in house.log()


def test_what_cannot_be_marked_lets_no_other_begin(house: House, server: MailServer) -> None:
    """So that a kill doubles one at most, with a database that cannot be written, too."""
    locks = []

    def script(verb: str, _: str) -> str:
        if verb == "DOT" and not locks:
            wait_for(lambda: server.verbs().count("DATA") == 2, "the other to be in hand")
            locks.append(house.lock())
        return ""

    server.script = script
    keys = [house.owe(f"ann@{number}.example") for number in range(2)]
    house.start("acks")
    wait_for(lambda: "event=outbox-unusable" in house.log(), "the failure in the log")
    time.sleep(2)  # of marks that fail
    assert len(server.seen) == 1
    house.kill("acks")
    locks[0].close()
    with house.connection() as connection:
        connection.execute("UPDATE outbox SET due = 0")  # the leases end
    house.start("acks")
    for key in keys:
        house.wait_state(key, "SENT")
    assert len(server.taken) == 3


def test_drain_finishes_what_is_on_its_way(house: House, server: MailServer) -> None:
    server.script = at("DOT", "SLOW", times=1)
    house.start("acks")
    key = house.owe()
    wait_for(lambda: len(server.seen) == 1, "the message at the server")
    house.drain("acks")
    assert house.rows()[key][0] == "SENT"


def test_a_stopped_supervisor_is_a_reason_to_leave(worker: House) -> None:
    process = worker.processes.pop("acks")
    worker.controls.pop("acks").close()
    assert process.wait(20) == 0


def test_waiting_costs_next_to_nothing(worker: House) -> None:
    """It looks for news twenty times a second."""
    worker.wait_state(worker.owe(), "SENT")
    pid = worker.processes["acks"].pid
    waits, began = _waits(pid), time.monotonic()
    time.sleep(3)
    looks = (time.monotonic() - began) / LOOK
    # Each look waits for the thread with the database, and then for the next look.
    assert _waits(pid) - waits <= 3 * looks


def _waits(pid: int) -> int:
    """How often the event loop of a process has gone to sleep (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    (number,) = re.findall(r"(?m)^voluntary_ctxt_switches:\s+(\d+)$", status)
    return int(number)
