"""The ack worker: how an acknowledgement is handed in, and what each answer of the server leads to."""

import re
import secrets
import time

import pytest

from tests.desk.conftest import MAIL, House, MailServer, Script
from tests.support.serve import wait_for

TEXT = b"Subject: thanks\r\nMessage-ID: <1@desk.example>\r\n\r\n.dot\r\n..\r\nbye\r\n"


def test_how_it_is_handed_in(worker: House, server: MailServer) -> None:
    key = worker.owe("ann@example.org", TEXT)
    assert worker.wait_state(key, "SENT") == ("SENT", 1, "")
    (taken,) = server.taken
    assert taken.mail == "MAIL FROM:<>"
    assert taken.rcpt == "RCPT TO:<ann@example.org> NOTIFY=NEVER"
    assert taken.message == TEXT
    wait_for(lambda: "event=ack state=sent" in worker.log(), "the log line")
    (line,) = [line for line in worker.log().splitlines() if "event=ack " in line]
    assert re.search(r"key=[a-z2-7]{26} address=[0-9a-f]{12} attempts=1 ms=\S+ delay=\S+", line)
    assert "ann@" not in worker.log()


def test_what_the_desk_writes_the_worker_sends(house: House, server: MailServer) -> None:
    house.start("desk")
    house.start("acks")
    assert house.connect().deliver(MAIL, house.recipient())[0].code == 250
    wait_for(lambda: len(server.taken) == 1, "the acknowledgement")
    assert server.taken[0].rcpt.startswith("RCPT TO:<ann@example.org>")


@pytest.mark.parametrize(
    ("extensions", "address", "mail", "rcpt"),
    [
        (("DSN",), "a@b.example", "MAIL FROM:<>", "RCPT TO:<a@b.example> NOTIFY=NEVER"),
        ((), "a@b.example", "MAIL FROM:<>", "RCPT TO:<a@b.example>"),
        (("SMTPUTF8",), "ä@b.example", "MAIL FROM:<> SMTPUTF8", "RCPT TO:<ä@b.example>"),
        (("DSN",), '"a b"@b.example', "MAIL FROM:<>", 'RCPT TO:<"a b"@b.example> NOTIFY=NEVER'),
    ],
)
def test_only_what_is_offered_is_used(
    house: House,
    server: MailServer,
    extensions: tuple[str, ...],
    address: str,
    mail: str,
    rcpt: str,
) -> None:
    server.extensions = extensions
    house.start("acks")
    house.wait_state(house.owe(address), "SENT")
    assert (server.taken[0].mail, server.taken[0].rcpt) == (mail, rcpt)


def test_eight_bits_are_announced(worker: House, server: MailServer) -> None:
    worker.wait_state(worker.owe("ä@b.example", "To: ä@b.example\r\n\r\nx\r\n".encode()), "SENT")
    assert server.taken[0].mail == "MAIL FROM:<> BODY=8BITMIME SMTPUTF8"


def test_a_server_without_smtputf8(house: House, server: MailServer) -> None:
    server.extensions = ("DSN",)
    house.start("acks")
    assert house.wait_state(house.owe("ä@example.org"), "SUPPRESSED")[2] == "A12"
    house.wait_state(house.owe("ann@example.org"), "SENT")


@pytest.mark.parametrize(
    "address",
    ["", "ann", "a@b> NOTIFY=SUCCESS", "a@b c", "<a@b", "a\r\nRSET\r\n@b", "\udce4@b.example"[1:]],
)
def test_what_is_no_address_is_never_sent(
    shared_worker: House, shared_server: MailServer, address: str
) -> None:
    before = len(shared_server.commands)
    key = shared_worker.owe(address)
    assert shared_worker.wait_state(key, "DEAD")[2] == "not an address"
    assert not any(line.startswith("MAIL") for line in shared_server.commands[before:])


def at(where: str, reply: str, times: int = 10**6) -> Script:
    """A script that answers so at that verb, `times` times."""
    left = [times]

    def script(verb: str, _: str) -> str:
        if verb == where and left[0]:
            left[0] -= 1
            return reply
        return ""

    return script


@pytest.mark.parametrize(
    ("where", "reply", "state", "error"),
    [
        ("RCPT", "450 4.2.0 later", "RETRY", "450 4.2.0 later"),
        ("RCPT", "452 4.3.1 <ann@example.org>: no room", "RETRY", "452 4.3.1 <address> no room"),
        ("DATA", "451 4.3.0 later", "RETRY", "451 4.3.0 later"),
        ("DATA", "CLOSE", "RETRY", "SMTPServerDisconnected"),
        ("DOT", "451 4.7.1 greylisted", "RETRY", "451 4.7.1 greylisted"),
        ("DOT", "421 4.3.2 stopping", "RETRY", "421 4.3.2 stopping"),
        ("DOT", "CLOSE", "RETRY", "SMTPServerDisconnected"),
        ("RCPT", "550 5.1.1 unknown", "DEAD", "550 5.1.1 unknown"),
        ("RCPT", "554 5.7.1 relay access denied", "DEAD", "554 5.7.1 relay access denied"),
        ("DATA", "554 5.5.1 no", "DEAD", "554 5.5.1 no"),
        ("DOT", "550 5.7.1 spam", "DEAD", "550 5.7.1 spam"),
    ],
)
def test_what_the_server_says_of_one_mail(
    shared_worker: House,
    shared_server: MailServer,
    where: str,
    reply: str,
    state: str,
    error: str,
) -> None:
    address = f"{secrets.token_hex(8)}@example.org"
    shared_server.script = lambda verb, line: reply if verb == where and address in line else ""
    key = shared_worker.owe(address)
    found = shared_worker.wait_state(key, "RETRY", "DEAD", "SENT")
    assert found == (state, 1, error)
    shared_worker.wait_state(shared_worker.owe(), "SENT")


@pytest.mark.parametrize(
    ("where", "reply", "error"),
    [
        ("CONNECT", "554 5.3.2 no service", "554 5.3.2 no service"),
        ("CONNECT", "CLOSE", "SMTPConnectError"),
        ("EHLO", "421 4.3.2 stopping", "421 4.3.2 stopping"),
        ("MAIL", "451 4.3.0 queue file write error", "451 4.3.0 queue file write error"),
        ("MAIL", "CLOSE", "SMTPServerDisconnected"),
    ],
)
def test_a_server_that_does_not_talk(
    house: House, server: MailServer, where: str, reply: str, error: str
) -> None:
    server.script = at(where, reply)
    house.start("acks")
    assert house.wait_state(house.owe(), "RETRY", "DEAD", "SENT") == ("RETRY", 1, error)


def test_the_next_attempt_is_byte_identical(house: House, server: MailServer) -> None:
    server.script = at("DOT", "451 4.7.1 greylisted", times=1)
    house.start("acks")
    key = house.owe("ann@example.org", TEXT)
    assert house.wait_state(key, "SENT") == ("SENT", 2, "")
    assert [taken.message for taken in server.seen] == [TEXT, TEXT]


@pytest.mark.parametrize(
    ("reply", "undeliverable"),
    [
        ("550 5.1.1 unknown user", True),
        ("550 5.2.1 mailbox disabled", True),
        ("556 5.1.10 null mx", True),
        ("550 no such user", True),
        ("554 5.7.1 relay access denied", False),
        ("552 too much", False),
        ("450 4.1.1 unknown", False),
    ],
)
def test_which_refusals_count_against_the_address(
    shared_worker: House, shared_server: MailServer, reply: str, undeliverable: bool
) -> None:
    address = f"{secrets.token_hex(8)}@example.org"
    shared_server.script = lambda verb, line: reply if verb == "RCPT" and address in line else ""
    key = shared_worker.owe(address)
    shared_worker.wait_state(key, "DEAD", "RETRY")
    with shared_worker.connection() as connection:
        found = connection.execute(
            "SELECT count(*) FROM mark JOIN ack USING (address) WHERE key = ? AND undeliverable > 0",
            (key,),
        ).fetchone()
    assert bool(found[0]) is undeliverable


def test_a_refused_mail_leaves_the_connection_usable(house: House, server: MailServer) -> None:
    server.script = lambda verb, line: "550 5.1.1 no" if verb == "RCPT" and "bad@" in line else ""
    house.start("acks")
    keys = [house.owe("bad@example.org"), house.owe(), house.owe("bad@example.net"), house.owe()]
    for key, state in zip(keys, ["DEAD", "SENT", "DEAD", "SENT"], strict=True):
        house.wait_state(key, state)
    assert server.sessions <= 4


def test_a_server_that_hangs_takes_one_connection_and_no_more(
    house: House, server: MailServer
) -> None:
    server.script = lambda verb, line: "HANG" if verb == "RCPT" and "bad@" in line else ""
    house.start("acks")
    hung = house.owe("bad@example.org")
    house.wait_state(hung, "SENDING")
    for _ in range(8):
        house.wait_state(house.owe(), "SENT")
    assert house.rows()[hung][0] == "SENDING"
    # When it has to leave it gives the claim back, since nothing of the mail was sent.
    house.drain("acks")
    assert house.rows()[hung][:2] == ("READY", 0)


@pytest.mark.parametrize(("prefer", "state"), [("no_loss", "RETRY"), ("no_duplicate", "DEAD")])
def test_no_answer_after_the_dot(house: House, server: MailServer, prefer: str, state: str) -> None:
    server.script = at("DOT", "CLOSE")
    house.ack = f'prefer = "{prefer}"'
    house.start("acks")
    assert house.wait_state(house.owe(), "RETRY", "DEAD", "SENT")[0] == state


def test_a_server_that_never_says_what_became_of_it_gets_two_copies(
    house: House, server: MailServer
) -> None:
    server.script = at("DOT", "CLOSE")
    house.start("acks")
    assert house.wait_state(house.owe(), "DEAD") == ("DEAD", 2, "unknown outcome")


def test_a_server_that_is_away_costs_no_acknowledgement(house: House, server: MailServer) -> None:
    server.stop()
    house.start("acks")
    keys = [house.owe(f"ann{number}@example.org") for number in range(12)]
    wait_for(lambda: "event=ack-server state=down" in house.log(), "the circuit to open")
    # From then on nothing counts as an attempt, and nothing is given up.
    time.sleep(3.5)
    assert set(house.counts()) <= {"READY", "RETRY", "SENDING"}
    assert sum(attempts for _, attempts, _ in house.rows().values()) <= 5 + 1
    back = MailServer(server.port)
    try:
        for key in keys:
            house.wait_state(key, "SENT")
        assert len(back.taken) == 12
    finally:
        back.stop()
    assert house.log().count("event=ack-server state=down") == 1
    assert house.log().count("event=ack-server state=up") == 1


def test_a_server_that_refuses_to_talk_is_away_too(house: House, server: MailServer) -> None:
    server.script = at("MAIL", "451 4.3.5 configuration problem")
    house.start("acks")
    keys = [house.owe(f"ann{number}@example.org") for number in range(8)]
    wait_for(lambda: "event=ack-server state=down" in house.log(), "the circuit to open")
    server.script = at("", "")
    for key in keys:
        house.wait_state(key, "SENT")


def test_it_gives_up_after_nine_attempts(house: House, server: MailServer) -> None:
    server.script = at("RCPT", "450 4.2.0 later")
    key = house.owe()
    with house.outbox() as outbox:
        for _ in range(8):
            outbox.claim(time.time(), 0.0, 1)
            outbox.retry(key, 0.0, "before")
    house.start("acks")
    assert house.wait_state(key, "DEAD") == ("DEAD", 9, "gave up: 450 4.2.0 later")


def test_what_is_too_late_is_not_sent(worker: House, server: MailServer) -> None:
    late = worker.owe(expires=-1)
    worker.wait_state(worker.owe(), "SENT")
    assert worker.wait_state(late, "EXPIRED")[2] == "J26"
    wait_for(lambda: "event=ack state=expired rule=J26" in worker.log(), "the log line")
    assert len(server.taken) == 1


def test_a_deferred_one_goes_out_as_it_is_when_its_time_is_up(
    worker: House, server: MailServer
) -> None:
    key = worker.owe(waiting=True, due=2)
    worker.wait_state(worker.owe(), "SENT")
    assert worker.rows()[key][0] == "WAITING"
    worker.wait_state(key, "SENT")


def test_more_than_a_domain_may_have_waits(house: House, server: MailServer) -> None:
    house.toml = "[ack.limits]\nper_domain = 3"
    house.start("acks")
    keys = [house.owe(f"ann{number}@example.org") for number in range(6)]
    other = house.owe("joe@example.net")
    house.wait_state(other, "SENT")
    wait_for(lambda: house.counts() == {"SENT": 4, "READY": 3}, f"three of {house.counts()}")
    assert {house.rows()[key][1] for key in keys if house.rows()[key][0] == "READY"} == {0}
    begins = "event=ack-limit rule=F6 state=begins limit=per_domain"
    wait_for(lambda: begins in house.log(), "the limit in the log")
    # The next process knows what the last one sent.
    house.drain("acks")
    house.start("acks")
    more = house.owe("ann@example.org")
    house.wait_state(house.owe("sue@example.net"), "SENT")
    assert house.rows()[more][:2] == ("READY", 0)
    wait_for(lambda: house.log().count(begins) == 2, "the limit in the log once more")


def test_more_than_an_hour_may_have_waits(house: House, server: MailServer) -> None:
    house.toml = "[ack.limits]\nper_hour = 7200\nburst = 3"
    house.start("acks")
    for number in range(8):
        house.owe(f"ann@{number}.example")
    wait_for(lambda: len(server.taken) == 8, "all of them")
    log = house.log()
    assert log.count("event=ack-limit rule=F6 state=begins limit=per_hour") >= 1
    wait_for(
        lambda: (
            house.log().count("state=begins limit=per_hour")
            == house.log().count("state=ends limit=per_hour")
        ),
        "the end of the limit in the log",
    )
