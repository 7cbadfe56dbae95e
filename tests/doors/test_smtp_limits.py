"""No client can make the door hold more, or wait longer, than it was told to."""

import contextlib
import socket

import pytest

from mailtriage.doors import smtp_session
from tests.doors.smtp_support import MAIL, TAG, Neighbourhood, SmtpClient, eventually


def test_a_mail_at_the_limit_passes_and_one_octet_more_does_not(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop, size_limit=3000)
    client = hood.client(where)
    fits = b".\r\n" * 1000  # doubled dots do not count (RFC 1870 §3)
    assert client.sends_mail(fits).startswith("250")
    assert client.sends_mail(fits + b"\r\n").startswith("552 5.3.4")
    assert client.sends_mail().startswith("250"), "and the session goes on"
    assert [mail.content for mail in hop.taken] == [TAG + fits, TAG + MAIL]


def test_much_too_big_is_read_to_its_end_and_refused(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop, size_limit=3000)
    client = hood.client(where)
    assert client.sends_mail(b"x" * 70 + b"\r\n" * 2_000_000).startswith("552 5.3.4")
    assert client.sends_mail().startswith("250")
    assert len(hop.taken) == 1


def test_connections_have_a_limit(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop(), connections=2)
    first, second = hood.client(where), hood.client(where)
    third = hood.client(where, greet="")
    third.expect("421 4.7.0")
    assert third.reply() == ""
    first.says("QUIT", "221")
    assert first.reply() == ""
    assert hood.client(where).sends_mail().startswith("250")
    assert second.sends_mail().startswith("250")


def test_connections_of_one_client_have_a_limit(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop(), connections_per_client=2)
    hood.client(where), hood.client(where)
    hood.client(where, greet="").expect("421 4.7.0")


def test_a_client_that_hangs_up_makes_room(hood: Neighbourhood) -> None:
    door, where = hood.door(hood.hop(), connections=1)
    for _ in range(20):
        client = hood.client(where, greet="")
        while client.reply()[:3] == "421":  # the door has not noticed yet
            client = hood.client(where, greet="")
        client.drop()
    assert len(door._per_client) <= 1, "no client is remembered for ever"


def test_recipients_have_a_limit(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop, recipients=2)
    client = hood.client(where)
    client.begins_mail("a@x", "b@x")
    client.says("RCPT TO:<c@x>", "452 4.5.3")
    client.says("DATA", "354")
    client.says(MAIL + b".", "250")
    assert hop.taken[0].recipients == ["RCPT TO:<a@x>", "RCPT TO:<b@x>"]


def test_command_lines_have_a_limit(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop())
    client = hood.client(where)
    client.says("MAIL FROM:<" + "a" * 3000 + "@x>", "500")
    client.says("MAIL FROM:<" + "a" * 300_000 + "@x>", "500")
    client.says("MAIL FROM:<" + "a" * 1000 + "@x>", "250")


@pytest.mark.parametrize("flood", ["NOOP", "RSET x", "FOO"])
def test_commands_for_nothing_end_the_session(hood: Neighbourhood, flood: str) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.send(f"{flood}\r\n" * (20_000 if flood == "RSET x" else 200))
    replies = []
    while reply := client.reply():
        replies.append(reply)
    assert replies[-1][:3] in ("421", "502")


def test_an_idle_client_is_sent_away(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop(), timeout=0.3)
    client = hood.client(where)
    client.expect("421 4.4.2")
    assert client.reply() == ""


def test_a_client_that_trickles_a_command_is_sent_away(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop(), timeout=0.5)
    client = hood.client(where)
    for _ in range(4):
        client.send("N")
        if not client.hears_nothing(0.2):
            break
    client.expect("421 4.4.2")


def test_a_client_that_falls_silent_in_a_message_is_sent_away(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop, timeout=0.3)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + b"RCPT TO:<smuggled@x>\r\n" * 10)
    client.expect("421 4.4.2")
    assert client.reply() == "", "and what it has sent is not taken for commands"
    assert [line for line in hop.commands if "smuggled" in line] == []


def test_a_client_that_trickles_a_message_is_sent_away(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop, data_timeout=0.5)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    while client.hears_nothing(0.05):
        client.send(b"x\r\n")
    client.expect("421 4.4.2")
    assert hop.taken == []


def test_the_next_hops_time_is_not_the_clients(hood: Neighbourhood) -> None:
    """An answer that takes longer than a client may be silent still reaches it."""
    hop = hood.hop()
    hop.may_answer.clear()
    _, where = hood.door(hop, timeout=0.3)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + b".\r\n")
    assert client.hears_nothing(1)
    hop.may_answer.set()
    client.expect("250")


def test_a_client_that_does_not_read_is_dropped(hood: Neighbourhood) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    door, where = hood.door(hood.hop(), sock=listener, timeout=2.0)
    client = SmtpClient(where, receive_buffer=4096)
    client.socket.settimeout(0.2)
    with contextlib.suppress(TimeoutError, ConnectionError):
        client.send(b"RCPT TO:<b@x>\r\n" * 90_000)
    assert eventually(lambda: any(c.transport.get_write_buffer_size() for c in door._connections))
    assert eventually(lambda: not door._connections)
    client.drop()


def test_the_next_hop_is_kept_awake_while_a_message_comes(
    hood: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_session, "_KEEP_ALIVE", 0.05)
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL)
    assert eventually(lambda: hop.commands.count("NOOP") >= 2)
    client.says(".", "250")
    assert hop.taken[0].content == TAG + MAIL
