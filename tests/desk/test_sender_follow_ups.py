"""The ack worker and what follows acknowledgements: their reverse-path, and what a refusal means."""

import sqlite3
import time

from tests.desk.conftest import House, MailServer
from tests.support.serve import wait_for

SENDER = "b1.abc@triage.desk.example"


def owe(house: House, name: bytes, kind: str = "update") -> bytes:
    """An update or a survey, as the desk puts it into the outbox."""
    key, now = name.ljust(16), time.time()
    with house.connection() as connection:
        connection.execute(
            "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due, created,"
            " expires, kind, sender, about) VALUES (?, 'help@desk.example', 'example.org',"
            " 'ann@example.org', ?, '', 'READY', ?, ?, ?, ?, ?, x'01')",
            (
                key,
                sqlite3.Binary(b"Subject: later\r\n\r\nx\r\n"),
                now,
                now,
                now + 600,
                kind,
                SENDER,
            ),
        )
    return key


def test_they_have_a_sender_that_can_bounce(worker: House, server: MailServer) -> None:
    worker.wait_state(owe(worker, b"u"), "SENT")
    (taken,) = server.taken
    assert taken.mail == f"MAIL FROM:<{SENDER}>"
    assert taken.rcpt == "RCPT TO:<ann@example.org> NOTIFY=FAILURE"
    wait_for(lambda: "event=update state=sent" in worker.log(), "the log line")
    assert "event=ack " not in worker.log()


def test_a_server_that_dislikes_their_sender_still_takes_acknowledgements(
    worker: House, server: MailServer
) -> None:
    server.script = lambda verb, line: (
        "550 5.1.8 unknown sender domain" if verb == "MAIL" and SENDER in line else ""
    )
    keys = [owe(worker, b"u%d" % number, "survey") for number in range(8)]
    for key in keys:
        worker.wait_state(key, "DEAD")
    worker.wait_state(worker.owe(), "SENT")
    assert "event=ack-server state=down" not in worker.log()


def test_an_answer_that_never_came_is_not_asked_for_again(
    worker: House, server: MailServer
) -> None:
    server.script = lambda verb, _: "CLOSE" if verb == "DOT" else ""
    worker.wait_state(owe(worker, b"u"), "DEAD")
    assert len(server.seen) == 1
