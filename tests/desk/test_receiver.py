"""LMTP at the desk: what is taken, what is said, and what is on the disk when 250 is said."""

import secrets
import socket
import subprocess
import time

import pytest

from tests.desk.conftest import MAIL, House, Lmtp, MailServer
from tests.support.serve import wait_for
from tests.support.smtp import stuffed


def test_it_speaks_lmtp(shared_desk: House) -> None:
    client = Lmtp(shared_desk.port)
    announced = client.command("LHLO test.example").text.split("\n")
    assert {line[4:] for line in announced[1:]} == {
        "PIPELINING",
        "ENHANCEDSTATUSCODES",
        "SIZE 0",
        "8BITMIME",
        "SMTPUTF8",
        "DSN",
    }
    # RFC 2033 section 4.1: neither HELO nor EHLO.
    assert client.command("EHLO test.example", 5).code == 500
    assert client.command("HELO test.example", 5).code == 500
    assert client.command("NOOP").code == 250
    assert client.command("VRFY ann", 2).code == 252
    assert client.command("AUTH PLAIN x", 5).code == 502


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MAIL FROM:<ann@example.org>", 250),
        ("MAIL FROM:<>", 250),
        ("mail from: <ann@example.org> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=x", 250),
        ('MAIL FROM:<"a > b"@example.org>', 250),
        ("MAIL FROM:<änn@example.org> SMTPUTF8", 250),
        ("MAIL FROM:ann@example.org", 501),
        ("MAIL TO", 501),
        ("MAIL", 501),
        ("RCPT TO:<ann@example.org>", 503),
        ("DATA", 503),
        ("BDAT 10", 500),
    ],
)
def test_commands(shared_desk: House, line: str, code: int) -> None:
    client = shared_desk.connect()
    client.send(line.encode() + b"\r\n")
    assert client.receive().code == code


def test_mail_comes_after_lhlo(shared_desk: House) -> None:
    assert Lmtp(shared_desk.port).command("MAIL FROM:<>", 5).code == 503


def test_only_addresses_with_our_signature_are_taken(shared_desk: House) -> None:
    ours = shared_desk.recipient()
    forged = f"{ours[:-25]}{'a' if ours[-25] != 'a' else 'b'}{ours[-24:]}"
    client = shared_desk.connect()
    client.command("MAIL FROM:<ann@example.org>")
    for other in (forged, "ann@example.org", "postmaster@mailtriage.invalid", ""):
        refusal = client.command(f"RCPT TO:<{other}>", 5)
        assert refusal.text.startswith("550 5.1.1 ")
    # RFC 2033 section 4.2: 503 when no recipient was taken.
    assert client.command("DATA", 5).code == 503
    client.command(f"RCPT TO:<{ours}> NOTIFY=NEVER ORCPT=rfc822;help@desk.example")
    client.command(f"RCPT TO:<{shared_desk.tokens.sweeper_recipient('help@desk.example')}>")


def test_each_recipient_has_its_own_reply(shared_desk: House) -> None:
    good, sweeper = (
        secrets.token_bytes(16),
        shared_desk.tokens.sweeper_recipient("help@desk.example"),
    )
    client = shared_desk.connect()
    replies = client.deliver(MAIL, shared_desk.recipient(good), sweeper)
    assert [reply.code for reply in replies] == [250, 250]
    assert shared_desk.rows()[good][0] == "READY"
    # Another mail on the same connection: no reply was left over.
    assert [reply.code for reply in client.deliver(MAIL, shared_desk.recipient())] == [250]


def test_what_was_committed_outlives_a_kill_and_a_resend_changes_nothing(desk: House) -> None:
    key = secrets.token_bytes(16)
    client = desk.connect()
    assert client.deliver(MAIL, desk.recipient(key))[0].code == 250
    desk.kill("desk")
    assert desk.rows()[key][0] == "READY"
    desk.start("desk")
    assert desk.connect().deliver(MAIL, desk.recipient(key))[0].code == 250
    assert len(desk.rows()) == 1


def test_kill_at_any_moment_loses_nothing_that_was_answered(house: House) -> None:
    """Ten lives, each ended somewhere in a stream of mails; unanswered mails come again."""
    answered: set[bytes] = set()
    open_mails = {secrets.token_bytes(16) for _ in range(150)}
    for life in range(10):
        house.start("desk")
        client = house.connect()
        began = time.monotonic()
        try:
            for key in tuple(open_mails):
                if time.monotonic() - began > 0.01 + 0.02 * life:
                    # Killed between the dot and its answer.
                    client.envelope([house.recipient(key)])
                    client.command("DATA", 3)
                    client.send(stuffed(MAIL))
                    house.kill("desk")
                    break
                assert client.deliver(MAIL, house.recipient(key))[0].code == 250
                answered.add(key)
                open_mails.discard(key)
            else:
                house.kill("desk")
        finally:
            client.drop()
        assert answered <= set(house.rows())
    house.start("desk")
    for key in open_mails:
        assert house.connect().deliver(MAIL, house.recipient(key))[0].code == 250
    assert len(house.rows()) == 150


@pytest.mark.parametrize("fault", ["boom", "breaks"])
def test_a_mail_over_which_we_stumble_comes_again_and_harms_no_other(
    desk: House, fault: str
) -> None:
    bad, mail = secrets.token_bytes(16), f"X-Test: {fault}\r\n".encode() + MAIL
    for _ in range(3):
        client = desk.connect()
        pairs = [(desk.recipient(), MAIL), (desk.recipient(bad), mail), (desk.recipient(), MAIL)]
        clients = [desk.connect() for _ in pairs]
        for client, (recipient, _) in zip(clients, pairs, strict=True):
            client.envelope([recipient])
            client.command("DATA", 3)
        for client, (_, message) in zip(clients, pairs, strict=True):
            client.send(stuffed(message))
        assert [client.receive().code for client in clients] == [250, 451, 250]
    assert len(desk.rows()) == 6
    assert bad not in desk.rows()
    wait_for(lambda: "failures=3" in desk.log(), "the third failure in the log")
    assert "something out of the mail" not in desk.log()
    assert "desk-database" not in desk.log()


def test_a_slow_mail_holds_up_no_other(shared_desk: House) -> None:
    slow, quick = shared_desk.connect(), shared_desk.connect()
    slow.envelope([shared_desk.recipient()])
    slow.command("DATA", 3)
    slow.send(stuffed(b"X-Test: slow\r\n" + MAIL))
    for _ in range(5):
        assert quick.deliver(MAIL, shared_desk.recipient())[0].code == 250
    slow.socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        slow.socket.recv(1, socket.MSG_PEEK)
    slow.socket.settimeout(60)
    assert slow.receive().code == 250


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (MAIL, len(MAIL)),
        (b"", 0),
        (b"\r\n", 2),
        (b"A: b\r\n\r\n..\r\n.\r\n...\r\n", 20),
        (b"A: b\r\n\r\n" + b"x" * 200_000 + b"\r\n", 200_010),
        (b"A: " + b"y" * 300_000 + b"\r\n\r\nbody\r\n", 300_013),
        (b"A: b\r\n\r\n" + b"line\r\n" * 500_000, 8 + 1024 * 1024),
        (b"A: b\r\n" * 400_000, 1024 * 1024),
    ],
    ids=[
        "plain",
        "empty",
        "no header",
        "dots",
        "long line",
        "long field",
        "3 MB",
        "endless header",
    ],
)
def test_the_beginning_of_a_message_is_kept_and_all_of_it_read(
    shared_desk: House, message: bytes, kept: int
) -> None:
    key = secrets.token_bytes(16)
    client = shared_desk.connect()
    client.envelope([shared_desk.recipient(key)])
    client.command("DATA", 3)
    content = message.replace(b"\r\n.", b"\r\n..")
    client.send(content + b".\r\n")
    assert client.receive().code == 250
    assert client.command("NOOP").code == 250
    assert f"size {kept}\r\n".encode() in ack_text(shared_desk, key)


def ack_text(house: House, key: bytes) -> bytes:
    with house.connection() as connection:
        found = connection.execute("SELECT message FROM outbox WHERE key = ?", (key,)).fetchone()
    return bytes(found[0])


def test_neither_bare_line_end_ends_a_message(shared_desk: House) -> None:
    key = secrets.token_bytes(16)
    client = shared_desk.connect()
    client.envelope([shared_desk.recipient(key)])
    client.command("DATA", 3)
    message = b"A: b\r\n\r\none\n.\ntwo\r.\rthree\n.\r\nMAIL FROM:<x@y>\r\n"
    client.send(message + b".\r\n")
    assert client.receive().code == 250
    assert client.command("NOOP").code == 250
    assert f"size {len(message)}\r\n".encode() in ack_text(shared_desk, key)


def test_pipelining(shared_desk: House) -> None:
    client = shared_desk.connect()
    one, two = shared_desk.recipient(), shared_desk.recipient()
    client.send(
        f"MAIL FROM:<a@example.org>\r\nRCPT TO:<{one}>\r\nRCPT TO:<x@y>\r\n"
        f"RCPT TO:<{two}>\r\nDATA\r\n".encode()
    )
    assert [client.receive().code for _ in range(5)] == [250, 250, 550, 250, 354]
    client.send(stuffed(MAIL) + b"MAIL FROM:<b@example.org>\r\nRSET\r\nQUIT\r\n")
    assert [client.receive().code for _ in range(5)] == [250, 250, 250, 250, 221]


def test_a_client_that_hangs_up_in_the_middle_leaves_no_trace(shared_desk: House) -> None:
    key = secrets.token_bytes(16)
    client = shared_desk.connect()
    client.envelope([shared_desk.recipient(key)])
    client.command("DATA", 3)
    client.send(b"A: b\r\n\r\nhalf")
    client.drop()
    assert shared_desk.connect().deliver(MAIL, shared_desk.recipient())[0].code == 250
    assert key not in shared_desk.rows()


def test_a_locked_database_means_451_and_afterwards_everything_is_taken(
    desk: House, server: MailServer
) -> None:
    assert desk.connect().deliver(MAIL, desk.recipient())[0].code == 250
    key = secrets.token_bytes(16)
    other = desk.lock()
    assert desk.connect().deliver(MAIL, desk.recipient(key))[0].text.startswith("451 4.3.0 ")
    other.close()
    # Without being asked it finds out that it can write again, and has Postfix deliver what it kept
    # meanwhile, as it did at the start.
    wait_for(lambda: server.verbs().count("ETRN") == 2, "ETRN")
    assert "ETRN mailtriage.invalid" in server.commands
    wait_for(lambda: "event=desk-database state=usable" in desk.log(), "the recovery in the log")
    assert desk.log().count("event=desk-database state=unusable") == 1
    assert desk.connect().deliver(MAIL, desk.recipient(key))[0].code == 250
    assert len(desk.rows()) == 2


def test_a_lock_that_is_short_is_waited_for(desk: House) -> None:
    assert desk.connect().deliver(MAIL, desk.recipient())[0].code == 250
    other = desk.lock()
    client = desk.connect()
    client.envelope([desk.recipient()])
    client.command("DATA", 3)
    client.send(stuffed(MAIL))
    time.sleep(0.5)
    other.close()
    assert client.receive().code == 250


def test_a_damaged_file_means_451_and_a_sound_one_is_found_again(desk: House) -> None:
    assert desk.connect().deliver(MAIL, desk.recipient())[0].code == 250
    desk.drain("desk")
    sound = desk.database.read_bytes()
    desk.database.write_bytes(b"this is no database at all" * 1000)
    desk.start("desk")
    client = desk.connect()
    assert client.deliver(MAIL, desk.recipient())[0].code == 451
    desk.database.write_bytes(sound)
    assert client.deliver(MAIL, desk.recipient())[0].code == 250
    assert len(desk.rows()) == 2


def test_a_full_disk_means_451_and_room_is_all_it_takes(house: House) -> None:
    """RLIMIT_FSIZE stands for the full disk: writing beyond it fails in the same way."""
    house.start("desk", "prlimit", "--fsize=300000:unlimited")
    client = house.connect()
    written: list[bytes] = []
    codes: list[int] = []
    while 451 not in codes:
        assert len(codes) < 2000
        key = secrets.token_bytes(16)
        codes.append(client.deliver(MAIL, house.recipient(key))[0].code)
        if codes[-1] == 250:
            written.append(key)
    assert written
    assert set(codes) == {250, 451}
    subprocess.run(
        ["prlimit", f"--pid={house.processes['desk'].pid}", "--fsize=unlimited:unlimited"],
        check=True,
    )
    again = secrets.token_bytes(16)
    assert client.deliver(MAIL, house.recipient(again))[0].code == 250
    house.kill("desk")
    assert set(house.rows()) == {*written, again}


def test_something_else_in_the_place_of_the_file_means_451_until_it_is_gone(house: House) -> None:
    house.database.mkdir()
    house.start("desk")
    client = house.connect()
    assert client.deliver(MAIL, house.recipient())[0].code == 451
    house.database.rmdir()
    assert client.deliver(MAIL, house.recipient())[0].code == 250


def test_many_deliveries_at_the_same_time(shared_desk: House) -> None:
    clients = [shared_desk.connect() for _ in range(64)]
    keys = [secrets.token_bytes(16) for _ in clients]
    for client, key in zip(clients, keys, strict=True):
        client.envelope([shared_desk.recipient(key)])
        client.command("DATA", 3)
    for client in clients:
        client.send(stuffed(MAIL))
    assert {client.receive().code for client in clients} == {250}
    assert set(keys) <= set(shared_desk.rows())


def test_drain_finishes_what_is_on_its_way(desk: House) -> None:
    idle, busy = desk.connect(), desk.connect()
    busy.envelope([desk.recipient()])
    busy.command("DATA", 3)
    busy.send(stuffed(b"X-Test: slow\r\n" + MAIL))
    time.sleep(0.1)
    desk.drain("desk")
    assert idle.receive().code == 421
    assert busy.receive().code == 250
    assert busy.receive().code == 421
    assert len(desk.rows()) == 1


def test_a_client_that_stays_silent_does_not_hold_up_the_end(desk: House) -> None:
    client = desk.connect()
    client.envelope([desk.recipient()])
    client.command("DATA", 3)
    client.send(b"A: b\r\n\r\nand then nothing")
    desk.drain("desk")
    with pytest.raises(ConnectionError):
        client.receive()
    assert desk.rows() == {} if desk.database.exists() else True


def test_postfix_is_asked_for_what_waited(desk: House, server: MailServer) -> None:
    wait_for(lambda: "ETRN" in server.verbs(), "ETRN")
    wait_for(lambda: "event=desk-flush answer=" in desk.log(), "the answer in the log")


def test_without_postfix_the_desk_starts_all_the_same(house: House, server: MailServer) -> None:
    server.stop()
    house.start("desk")
    assert house.connect().deliver(MAIL, house.recipient())[0].code == 250
    wait_for(lambda: "event=desk-flush fault=" in house.log(), "the failure in the log")
    # When the machine starts we are ordered before Postfix.
    later = MailServer(server.port)
    try:
        wait_for(lambda: "ETRN" in later.verbs(), "ETRN")
        wait_for(lambda: "event=desk-flush answer=" in house.log(), "the answer in the log")
    finally:
        later.stop()
    assert house.log().count("event=desk-flush fault=") == 1
