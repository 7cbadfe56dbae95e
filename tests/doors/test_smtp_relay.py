"""The SMTP door hands a mail on as it came, and says of it what the next hop says."""

import pytest

from mailtriage.mail.model import Client, Envelope
from tests.doors.smtp_support import MAIL, TAG, Neighbourhood, SmtpClient


def test_a_mail_arrives_byte_for_byte_with_our_header_on_top(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    odd = (
        b"received: from x\r\n\tby y;  z \r\nSUBJECT:h\xe9llo\x00\r\nno header\r\n"
        b"\r\n" + b"x" * 5000 + b"\r\n\xff\xfe \t\r\n.\r\n..\r\n.a\r\n\r\n\r\n"
    )

    assert hood.client(where).sends_mail(odd).startswith("250 2.0.0 kept")

    assert hop.taken[0].content == TAG + odd


def test_an_empty_mail_arrives(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    assert hood.client(where).sends_mail(b"").startswith("250")
    assert hop.taken[0].content == TAG


def test_tag_gets_the_mail_its_envelope_client_and_an_id(hood: Neighbourhood) -> None:
    seen = []

    async def tag(raw: bytes, envelope: Envelope, client: Client, mail_id: str) -> bytes:
        seen.append((raw, envelope, client, mail_id))
        return raw

    hop = hood.hop(answers={"RCPT TO:<no@x>": "550 5.1.1 no"})
    _, where = hood.door(hop, tag)
    client = hood.client(where)
    client.says("MAIL FROM:<@relay.example:a@example.org>", "250")
    client.says("RCPT TO:<b@x>", "250")
    client.says("RCPT TO:<no@x>", "550")
    client.says('RCPT TO:<"c>d"@x>', "250")
    client.says("DATA", "354")
    client.says(MAIL + b"..dot\r\n.", "250")
    client.sends_mail()

    (raw, envelope, peer, first_id), (_, _, _, second_id) = seen
    assert raw == MAIL + b".dot\r\n"
    assert envelope == Envelope("a@example.org", ("b@x", '"c>d"@x'))
    assert peer == Client("127.0.0.1")
    assert first_id != second_id


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL", "550 5.7.1 we do not like you"),
        ("MAIL", "452 4.3.1 disk full"),
        ("RCPT", "550-5.1.1 unknown user\n550-5.1.1 see https://x.example/\n550 5.1.1 bye"),
        ("RCPT", "450 4.2.0 greylisted"),
        ("RCPT", "251 2.1.5 moved"),
        ("DATA", "451 4.7.1 later"),
        (".", "554 5.7.1 spam"),
        (".", "451 4.3.0 queue write error"),
        (".", "250-2.0.0 Ok\n250 2.0.0 queued as 1234"),
        (".", "250"),
        ("DATA", "554 no valid recipients"),
    ],
)
def test_the_next_hops_answer_is_the_answer(hood: Neighbourhood, command: str, answer: str) -> None:
    offer = ("8BITMIME",)  # no ENHANCEDSTATUSCODES: nothing is added to an answer without one
    _, where = hood.door(hood.hop(answers={command: answer}, offer=offer))
    client = hood.client(where)

    heard = {"MAIL": client.says("MAIL FROM:<a@x>", "")}
    if heard["MAIL"].startswith("250"):
        heard["RCPT"] = client.says("RCPT TO:<b@x>", "")
        if heard["RCPT"].startswith("2"):
            client.says("DATA", "354")
            heard["."] = heard["DATA"] = client.says(MAIL + b".", "")

    assert heard[command].rstrip() == answer


def test_each_recipient_gets_its_own_answer(hood: Neighbourhood) -> None:
    hop = hood.hop(
        answers={
            "RCPT TO:<unknown@x>": "550 5.1.1 unknown",
            "RCPT TO:<full@x>": "452 4.2.2 full",
        }
    )
    _, where = hood.door(hop)
    client = hood.client(where)
    client.says("MAIL FROM:<a@x>", "250")
    assert client.says("RCPT TO:<unknown@x>", "") == "550 5.1.1 unknown"
    assert client.says("RCPT TO:<b@x>", "") == "250 2.0.0 fine"
    assert client.says("RCPT TO:<full@x>", "") == "452 4.2.2 full"
    client.says("DATA", "354")
    client.says(MAIL + b".", "250")
    assert hop.taken[0].recipients == ["RCPT TO:<b@x>"]


def test_no_recipient_no_data(hood: Neighbourhood) -> None:
    hop = hood.hop(answers={"RCPT": "550 5.1.1 unknown"})
    _, where = hood.door(hop)
    client = hood.client(where)
    client.says("MAIL FROM:<a@x>", "250")
    client.says("RCPT TO:<b@x>", "550")
    client.says("DATA", "554 5.5.1")
    assert "DATA" not in hop.commands


def test_no_250_before_the_next_hop_said_it(hood: Neighbourhood) -> None:
    hop = hood.hop()
    hop.may_answer.clear()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + b".\r\n")
    assert hop.dot_seen.wait(20)
    assert client.hears_nothing()
    hop.may_answer.set()
    client.expect("250 2.0.0 kept")


def test_parameters_arrive_exactly_as_given(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    mail = (
        "MAIL FROM:<jürgen@exämple.org> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B314aB"
    )
    rcpt = "RCPT TO:<büro@desk.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;B+c3@Desk.Example"
    client.says(mail, "250")
    client.says(rcpt, "250")
    client.says("DATA", "354")
    client.says("Subject: grüße\r\n\r\nÄ\r\n.", "250")
    assert hop.taken[0].mail == mail
    assert hop.taken[0].recipients == [rcpt]
    assert hop.taken[0].content == TAG + "Subject: grüße\r\n\r\nÄ\r\n".encode()


def test_odd_but_used_spellings_pass(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.says("mail from: <>", "250")
    client.says("rcpt to:b@desk.example", "250")
    client.says(b"RCPT TO:<\xe9t\xe9@desk.example>", "250")
    client.says("DATA", "354")
    client.says(MAIL + b".", "250")
    assert hop.taken[0].mail == "MAIL FROM:<>"
    assert hop.taken[0].recipients == [
        "RCPT TO:b@desk.example",
        "RCPT TO:<\udce9t\udce9@desk.example>",
    ]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL FROM:a b", "555"),
        ("MAIL FROM:<a@x", "501"),
        ("MAIL TO:<a@x>", "501"),
        ("MAIL", "501"),
        ("MAIL FROM:<a\x00b@x>", "501"),
        ("MAIL FROM:<a@x>\rRCPT TO:<evil@x>", "501"),
        ("MAIL FROM:<a@x> SIZE=-1", "501"),
        ("MAIL FROM:<a@x> SIZE", "501"),
        ("MAIL FROM:<a@x> SIZE=40000001", "552 5.3.4"),
        ("MAIL FROM:<a@x> BODY=BINARYMIME", "501"),
        ("MAIL FROM:<a@x> AUTH=<>", "555"),
        ("MAIL FROM:<a@x> X=1", "555"),
        ("RCPT TO:<b@x>", "503"),
        ("DATA", "503"),
        ("AUTH PLAIN x", "502"),
        ("LHLO x", "500"),
        ("NOOP", "250"),
        ("VRFY a", "252"),
    ],
)
def test_what_is_wrong_does_not_reach_the_next_hop(
    hood: Neighbourhood, command: str, answer: str
) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.says(command, answer)
    assert [line for line in hop.commands if not line.startswith("EHLO")] == []
    assert client.sends_mail().startswith("250"), "the session goes on"


def test_only_what_the_next_hop_offers_is_announced(hood: Neighbourhood) -> None:
    hop = hood.hop(offer=("SIZE 1000", "DSN"))
    _, where = hood.door(hop)
    client = SmtpClient(where)
    client.expect("220 door.example ESMTP")
    announced = client.says("EHLO x", "250").split("\n")
    assert [line[4:] for line in announced] == ["door.example", "PIPELINING", "SIZE 1000", "DSN"]
    client.says("MAIL FROM:<a@x> BODY=8BITMIME", "555")
    client.says("MAIL FROM:<a@x> SMTPUTF8", "555")
    client.says("MAIL FROM:<a@x> SIZE=1001", "552")
    client.says("MAIL FROM:<a@x> SIZE=1000 RET=FULL", "250")
    client.drop()


def test_the_smaller_size_limit_is_announced(hood: Neighbourhood) -> None:
    hop = hood.hop(offer=("SIZE 1000",))
    _, where = hood.door(hop, size_limit=500)
    client = SmtpClient(where)
    client.expect("220")
    assert "SIZE 500" in client.says("EHLO x", "250")
    client.drop()


def test_an_extension_that_is_gone_is_a_matter_of_time(hood: Neighbourhood) -> None:
    """Announced a moment ago, and then another machine answers as the next hop."""
    hop = hood.hop()
    _, where = hood.door(hop)
    first = hood.client(where)
    hop.offer = ("8BITMIME",)
    client = hood.client(where)  # told what the first one was told
    client.says("MAIL FROM:<a@x> SMTPUTF8", "451 4.3.5")
    client.says("MAIL FROM:<a@x> BODY=8BITMIME SIZE=10", "250")
    assert hop.commands[-1] == "MAIL FROM:<a@x> BODY=8BITMIME"
    assert first.sends_mail().startswith("250")


def test_statuses_are_complete_when_announced(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop(answers={"RCPT": "250 ok", ".": "250-a\n250 2.6.0 b"}))
    client = hood.client(where)
    assert client.says("NOOP", "250") == "250 2.0.0 OK"
    client.says("MAIL FROM:<a@x>", "250 2.0.0 fine")
    assert client.says("RCPT TO:<b@x>", "250") == "250 2.0.0 ok"
    client.says("DATA", "354 End")
    assert client.says(MAIL + b".", "250") == "250-2.0.0 a\n250 2.6.0 b"
    assert client.says("FOO", "500").startswith("500 5.0.0 ")


def test_helo_needs_no_next_hop_and_takes_no_parameters(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where, greet="HELO old.example")
    assert hop.commands == []
    client.says("MAIL FROM:<a@x> BODY=8BITMIME", "555")
    assert client.sends_mail().startswith("250")


def test_a_next_hop_without_ehlo_serves(hood: Neighbourhood) -> None:
    hop = hood.hop(answers={"EHLO": "502 5.5.1 what?"})
    _, where = hood.door(hop)
    assert hood.client(where).sends_mail().startswith("250")
    assert hop.commands[:2] == ["EHLO door.example", "HELO door.example"]
