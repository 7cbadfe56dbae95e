"""Sessions through the SMTP door: several mails, resets, pipelining, big mails, many clients."""

import asyncio
import smtplib
import threading
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP as AiosmtpdServer  # noqa: N811 - a name that says whose it is

from mailtriage.doors.smtp import Endpoint
from tests.doors.smtp_support import MAIL, TAG, Neighbourhood, eventually


def test_two_mails_in_one_session_stay_apart(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    assert client.sends_mail(MAIL, "one@x").startswith("250")
    assert client.sends_mail(b"Subject: two\r\n\r\n2\r\n", "two@x", "three@x").startswith("250")
    assert [(m.recipients, m.content) for m in hop.taken] == [
        (["RCPT TO:<one@x>"], TAG + MAIL),
        (["RCPT TO:<two@x>", "RCPT TO:<three@x>"], TAG + b"Subject: two\r\n\r\n2\r\n"),
    ]
    assert [line for line in hop.commands if line.startswith("EHLO")] == ["EHLO door.example"]


@pytest.mark.parametrize("reset", ["RSET", "EHLO again", "HELO again"])
def test_a_reset_reaches_the_next_hop(hood: Neighbourhood, reset: str) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail("forgotten@x")
    client.says(reset, "250")
    assert hop.commands[-1] == "RSET"
    client.says("DATA", "503")
    assert client.sends_mail(MAIL, "meant@x").startswith("250")
    assert [mail.recipients for mail in hop.taken] == [["RCPT TO:<meant@x>"]]


def test_quit_leaves_the_next_hop_with_quit(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("QUIT", "221")
    assert client.reply() == ""
    assert eventually(lambda: hop.commands[-1] == "QUIT")
    assert hop.hung_up == 0


def test_pipelined_commands_are_answered_in_order(hood: Neighbourhood) -> None:
    hop = hood.hop(answers={"RCPT TO:<no@x>": "550 5.1.1 no"})
    _, where = hood.door(hop)
    client = hood.client(where)
    client.send(
        b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<no@x>\r\nDATA\r\n" + MAIL + b".\r\n"
        b"MAIL FROM:<c@x>\r\nRCPT TO:<no@x>\r\nDATA\r\nRSET\r\nNOOP\r\n"
        b"MAIL FROM:<d@x>\r\nRCPT TO:<e@x>\r\nDATA\r\n.\r\nQUIT\r\n"
    )
    replies = [client.reply()[:3] for _ in range(15)]
    assert replies == [
        "250",
        "250",
        "550",
        "354",
        "250",
        "250",
        "550",
        "554",
        "250",
        "250",
        "250",
        "250",
        "354",
        "250",
        "221",
    ]
    assert [mail.content for mail in hop.taken] == [TAG + MAIL, TAG]


def test_a_twenty_megabyte_mail_arrives(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    line = b".%d" + b"x" * 70 + b"\r\n"
    mail = b"Subject: big\r\n\r\n" + b"".join(line % number for number in range(260_000))
    assert len(mail) > 20_000_000
    assert hood.client(where).sends_mail(mail).startswith("250")
    assert hop.taken[0].content == TAG + mail


def test_a_line_without_end_arrives(hood: Neighbourhood) -> None:
    """It is the next hop's to refuse, not ours: Postfix takes it."""
    hop = hood.hop()
    _, where = hood.door(hop)
    mail = b"Subject: long\r\n\r\n" + b"." * 3_000_000 + b"\r\n"
    assert hood.client(where).sends_mail(mail).startswith("250")
    assert hop.taken[0].content == TAG + mail


def test_a_mail_that_only_fits_untagged_goes_untagged(hood: Neighbourhood) -> None:
    hop = hood.hop(offer=(f"SIZE {len(MAIL)}",))
    _, where = hood.door(hop)
    assert hood.client(where).sends_mail(MAIL).startswith("250")
    assert hop.taken[0].content == MAIL


def test_a_postfix_that_wants_it_hears_whose_mail_it_is(hood: Neighbourhood) -> None:
    """XFORWARD, before every mail: Postfix forgets it with each (XFORWARD_README)."""
    hop = hood.hop(offer=("XFORWARD NAME ADDR PROTO HELO PORT",), answers={"XFORWARD": "500 no"})
    _, where = hood.door(hop)
    client = hood.client(where, greet="EHLO a+b=ö")
    for _ in range(2):
        assert client.sends_mail().startswith("250"), "a refusal of it changes nothing"
    assert [line for line in hop.commands if line.startswith("XFORWARD")] == [
        "XFORWARD NAME=[UNAVAILABLE] ADDR=127.0.0.1 PROTO=ESMTP HELO=a+2Bb+3D+C3+B6"
    ] * 2


def test_many_clients_at_once(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    failures: list[str] = []

    def deliver(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", where.port, timeout=30) as client:
            for mail in range(5):
                refused = client.sendmail("a@x", [f"{number}.{mail}@x"], MAIL)
                failures.extend(refused)

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    expected = {f"RCPT TO:<{number}.{mail}@x>" for number in range(20) for mail in range(5)}
    assert {mail.recipients[0] for mail in hop.taken} == expected
    assert len(hop.taken) == 100


def test_aiosmtpd_and_smtplib_as_neighbours(hood: Neighbourhood) -> None:
    """Two implementations that are not ours on both sides."""
    got: list[Any] = []

    class Keep(Message):
        def handle_message(self, message: object) -> None:
            got.append(message)

    async def listen() -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: AiosmtpdServer(Keep(), loop=loop), "127.0.0.1", 0)

    server = hood.run(listen())
    _, where = hood.door(server.sockets[0].getsockname()[1])
    with smtplib.SMTP("127.0.0.1", where.port, timeout=30) as client:
        client.sendmail("a@x.example", ["b@y.example"], "Subject: hi\n\n.dot\n")
    server.close()
    assert got[0]["X-Mailtriage"] == "v=1;"
    assert got[0]["X-RcptTo"] == "b@y.example"
    assert got[0].get_payload() == ".dot\r\n"


def test_a_unix_domain_socket_serves(hood: Neighbourhood, tmp_path: Path) -> None:
    hop = hood.hop()
    path = str(tmp_path / "door.sock")
    _, where = hood.door(hop, listen=Endpoint(path=path), connections_per_client=1)
    assert where == Endpoint(path=path)
    assert hood.client(where).sends_mail().startswith("250")
    assert hood.client(where).sends_mail().startswith("250"), "these clients share no address"
