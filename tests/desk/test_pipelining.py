"""Commands that a client sends together are answered together, and in their order (RFC 2920)."""

from tests.desk.conftest import MAIL, House
from tests.support.smtp import stuffed


def test_the_replies_to_an_envelope_come_in_one_piece(shared_desk: House) -> None:
    client = shared_desk.connect()
    client.send(
        b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n"
        % shared_desk.recipient().encode()
    )
    replies = client.socket.recv(4096)
    assert [line[:3] for line in replies.splitlines()] == [b"250", b"250", b"354"]
    client.send(stuffed(MAIL))
    assert client.receive().code == 250


def test_each_reply_stands_in_the_place_of_its_command(shared_desk: House) -> None:
    client = shared_desk.connect()
    ours = shared_desk.recipient().encode()
    client.send(
        b"MAIL FROM:<>\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nRCPT TO:<ann@example.org>\r\n"
        b"RCPT TO:<%s>\r\nNOOP\r\nDATA now\r\nRSET\r\nRCPT TO:<%s>\r\n" % (ours, ours, ours)
    )
    codes = [client.receive().code for _ in range(9)]
    assert codes == [250, 503, 250, 550, 250, 250, 501, 250, 503]


def test_a_command_that_comes_alone_is_answered_at_once(shared_desk: House) -> None:
    client = shared_desk.connect()
    client.command("MAIL FROM:<ann@example.org>")
    client.command(f"RCPT TO:<{shared_desk.recipient()}>")
    client.send(b"RCPT TO:<%s>\r\nDA" % shared_desk.recipient().encode())  # half of the next one
    assert client.receive().code == 250
    client.command("TA", 3)


def test_no_reply_is_lost_when_the_client_leaves(shared_desk: House) -> None:
    client = shared_desk.connect()
    client.send(b"MAIL FROM:<ann@example.org>\r\nQUIT\r\n")
    assert [client.receive().code for _ in range(2)] == [250, 221]
