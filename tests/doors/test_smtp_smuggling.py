"""One mail in is one mail out: nothing but CRLF . CRLF ends a mail, here or behind us."""

import re

import pytest

from tests.doors.smtp_support import MAIL, TAG, Neighbourhood

FORGED = (
    b"MAIL FROM:<ceo@desk.example>\r\nRCPT TO:<b@desk.example>\r\nDATA\r\nSubject: forged\r\n\r\n"
)

NOT_AN_END = [
    b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
    b"\r\n.\r\r\n", b"\r\r\n.\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\n\n.\n\n", b"\r\r.\r\r",
    b"\n.\n.\n.\n",
]  # fmt: skip

# What a server may take for the end of a mail that takes a bare CR or LF for a line end.
LENIENT_END = re.compile(rb"[\r\n]\.[\r\n]")


@pytest.mark.parametrize("sequence", NOT_AN_END, ids=repr)
def test_what_only_looks_like_the_end_of_a_mail_is_not_one(
    hood: Neighbourhood, sequence: bytes
) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    client.send(MAIL + b"body" + sequence + FORGED + b"\r\n.\r\n")
    client.expect("250 2.0.0 kept")
    assert client.hears_nothing()
    (mail,) = hop.taken
    assert not LENIENT_END.search(b"\r\n" + mail.wire), "no next hop sees an end in it either"
    assert b"forged" in mail.content
    received = (MAIL + b"body" + sequence).replace(b"\r\n.", b"\r\n")
    assert without_line_ends(mail.content).startswith(without_line_ends(TAG + received))


def without_line_ends(content: bytes) -> bytes:
    return content.replace(b"\r", b"").replace(b"\n", b"")


def test_bare_line_ends_elsewhere_stay_as_they_are(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    mail = b"Subject: x\r\n\r\na\nb\rc\n.d\r.e\n\r\n\r\r\n\n\n...\n\r\n"
    assert hood.client(where).sends_mail(mail).startswith("250")
    assert hop.taken[0].wire == TAG + mail


def test_dots_at_line_starts_survive(hood: Neighbourhood) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    for mail in (b".\r\n", b"..\r\n", b".\r\n.\r\n", b"x.\r\n", b"\r\n.\r\n\r\n", b"a\r\n..b.\r\n"):
        assert hood.client(where).sends_mail(mail).startswith("250")
        assert without_tag(hop.taken[-1].content).endswith(mail)


def without_tag(content: bytes) -> bytes:
    return content.removeprefix(TAG)


@pytest.mark.parametrize("split", range(1, 12))
def test_the_end_is_found_wherever_the_network_cuts_it(hood: Neighbourhood, split: int) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    client = hood.client(where)
    client.begins_mail()
    client.says("DATA", "354")
    wire = b"A: b\r\n\r\n.\r\n"
    client.send(wire[:split])
    assert split == len(wire) or client.hears_nothing(0.05)
    client.send(wire[split:])
    client.expect("250")
    assert hop.taken[0].content == TAG + b"A: b\r\n\r\n"


@pytest.mark.parametrize("size", range(65_530, 65_545))
def test_the_end_is_found_at_the_edge_of_a_chunk(hood: Neighbourhood, size: int) -> None:
    hop = hood.hop()
    _, where = hood.door(hop)
    mail = b"x" * (size - 2) + b"\r\n"
    assert hood.client(where).sends_mail(mail).startswith("250")
    assert hop.taken[0].content == TAG + mail
