"""What a hidden copy says: the tags, the seal, and how our own Postfix got the mail."""

from collections.abc import Callable

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.desk.copy import Copy, open_copy, read_received, tag
from mailtriage.mail.model import Client
from tests.mail.conftest import growth
from tests.support.office import HELP, SECRET

__all__ = ["growth"]  # the fixture

TOKENS = Tokens(SECRET)
KEY = TOKENS.dedupe_key(HELP, "joe@customer.example", b"<m1@customer.example>")
HIDDEN = TOKENS.hidden_recipient(KEY, "in")
AT = 1_795_420_800.0  # Mon, 23 Nov 2026 08:00:00 UTC

OWN = (
    b"Received: from mail.customer.example (mail.customer.example [198.51.100.7])\r\n"
    b"\tby post.desk.example (Postfix) with ESMTPS id 4Wx0ab1cd2z3ef\r\n"
    b"\tfor <help@desk.example>; Mon, 23 Nov 2026 09:00:00 +0100 (CET)\r\n"
)
TAGS = b"X-Mailtriage: v=1; prio=normal;\r\nx-mailtriage-PRIORITY: normal\r\n"
SEAL = b"X-Mailtriage-Seal: v=1; box=x\r\n"
REST = (
    b"Received: from other.example (other.example [203.0.113.1])\r\n"
    b"\tby mail.customer.example with ESMTP id 999999ZZ;\r\n\tSun, 22 Nov 2026 09:00:00 +0100\r\n"
    b"From: joe@customer.example\r\nX-Mailtriaged: no tag\r\n"
)
BODY = b"\r\nHello,\r\nX-Mailtriage: is no header here\r\n"


@pytest.mark.parametrize(
    "message",
    [OWN + TAGS + SEAL + REST + BODY, TAGS + SEAL + OWN + REST + BODY, TAGS + OWN + SEAL + REST + BODY],
    ids=["tags below", "tags above", "tags around"],
)  # fmt: skip
def test_a_copy_is_taken_apart_wherever_postfix_put_its_own_received(message: bytes) -> None:
    opened = open_copy(Copy("joe@customer.example", HIDDEN, message), TOKENS)
    assert opened is not None
    assert (opened.way, opened.key, opened.mailbox) == ("in", KEY, "")
    assert [name.lower() for name, _ in opened.tags] == ["x-mailtriage", "x-mailtriage-priority"]
    assert (tag(opened.tags, "priority"), tag(opened.tags, "skill")) == ("normal", "")
    assert opened.seal == "v=1; box=x"
    assert [name for name, _ in opened.fields] == ["Received", "From", "X-Mailtriaged"]
    assert b"mail.customer.example with ESMTP id 999999ZZ" in opened.fields[0][1]
    assert opened.body == BODY[2:]
    assert opened.arrival.at == AT
    assert opened.arrival.queue_id == "4Wx0ab1cd2z3ef"
    assert opened.arrival.client == Client("198.51.100.7")


def test_the_mark_of_our_own_mail_came_with_it_and_is_no_tag() -> None:
    message = OWN + b"X-Mailtriage-Loop: abc.def\r\n" + REST + BODY
    opened = open_copy(Copy("joe@customer.example", HIDDEN, message), TOKENS)
    assert opened is not None
    assert opened.tags == ()
    assert opened.fields[0][0] == "X-Mailtriage-Loop"


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "help@desk.example",
        Tokens(b"the secret of somebody else, also long enough").hidden_recipient(KEY, "in"),
        HIDDEN.replace("t1.", "s1."),
        HIDDEN.replace("mailtriage.invalid", "mailtriage.invalid.example"),
        f"x{HIDDEN}",
        HIDDEN.replace(HIDDEN[3], "\N{KELVIN SIGN}"),
        TOKENS.sweeper_recipient(HELP).replace("s1.", "t1."),
    ],
)
def test_only_our_own_signature_opens_the_door(recipient: str) -> None:
    assert open_copy(Copy("joe@customer.example", recipient, OWN + BODY), TOKENS) is None


@pytest.mark.parametrize("way", ["in", "out"])
def test_an_address_keeps_its_meaning_in_capitals(way: str) -> None:
    hidden = TOKENS.hidden_recipient(KEY, way)  # type: ignore[arg-type] # one of both
    opened = open_copy(Copy("joe@customer.example", hidden.upper(), OWN + BODY), TOKENS)
    assert opened is not None
    assert (opened.way, opened.key) == (way, KEY)


def test_the_sweeper_names_the_mailbox_and_no_mail() -> None:
    copy = Copy("joe@customer.example", TOKENS.sweeper_recipient(HELP), OWN + BODY)
    opened = open_copy(copy, TOKENS)
    assert opened is not None
    assert (opened.key, opened.mailbox) == (b"", TOKENS.mailbox_name(HELP))


BY = "\n\tby post.desk.example (Postfix) with "
END = "\n\tfor <help@desk.example>; Mon, 23 Nov 2026 09:00:00 +0100 (CET)"
FROM = "from helo (name.example [198.51.100.7])"


@pytest.mark.parametrize(
    ("received", "client", "queue_id", "at"),
    [
        (FROM + BY + "ESMTPS id 4Wx0ab1cd2z3ef" + END, Client("198.51.100.7"), "4Wx0ab1cd2z3ef", AT),
        (FROM + BY + "ESMTP id 0A1B2C3D4E;" + END[-38:], Client("198.51.100.7"), "0A1B2C3D4E", AT),
        (
            "from helo (unknown [IPv6:2001:db8::7])" + BY + "ESMTP id 0A1B2C3D4E" + END,
            Client("2001:db8::7"), "0A1B2C3D4E", AT,
        ),
        (
            FROM + "\n\t(Authenticated sender: ann)" + BY + "ESMTPSA id 0A1B2C3D4E" + END,
            Client("198.51.100.7", login="?"), "0A1B2C3D4E", AT,
        ),
        (FROM + BY + "UTF8SMTPSA id 0A1B2C3D4E" + END, Client("198.51.100.7", login="?"), "0A1B2C3D4E", AT),
        (
            "by post.desk.example (Postfix, from userid 1000)\n\tid 0A1B2C3D4E;" + END[-38:],
            Client(protocol="local"), "0A1B2C3D4E", AT,
        ),
        # What a client may write: its name in HELO, its certificate's, its login's.
        (
            "from x (y [127.0.0.1]) id FORGED1 with ESMTPSA id FORGED2; (n [198.51.100.7])"
            + BY + "ESMTP id 0A1B2C3D4E" + END,
            Client("198.51.100.7"), "0A1B2C3D4E", AT,
        ),
        (
            FROM + '\n\t(Client CN "by z (Postfix, from userid 0) [127.0.0.1])", Issuer "id FORGED1 x")'
            + BY + "ESMTPS id 0A1B2C3D4E" + END,
            Client("198.51.100.7"), "0A1B2C3D4E", AT,
        ),
        ("by mailtriage with SMTP id 0a1b2c3d4e5f; Mon, 23 Nov 2026 09:00:00 +0100", Client(), "0a1b2c3d4e5f", AT),
        ("from helo (name [999.1.2.3])" + BY + "SMTP id 0A1B2C3D4E; no date", Client(), "0A1B2C3D4E", 0.0),
        ("anything; Mon, 99 Nov 2026 09:00:00 +0100", Client(), "", 0.0),
        ("x; Thu, 01 Jan 1970 00:00:01 +1400", Client(), "", 0.0),
        ("", Client(), "", 0.0),
    ],
)  # fmt: skip
def test_what_received_says(received: str, client: Client, queue_id: str, at: float) -> None:
    found = read_received(received.replace("\n", "\r\n").encode())
    assert (found.client, found.queue_id, found.at) == (client, queue_id, at)


def test_a_copy_of_nothing_is_opened_all_the_same() -> None:
    for message in (b"", b"\r\n", b"no header", b"\xff\xfe: x\r\n\r\n", b"X-Mailtriage\r\n\r\n"):
        opened = open_copy(Copy("", HIDDEN, message), TOKENS)
        assert opened is not None
        assert (opened.tags, opened.seal, opened.arrival.queue_id) == ((), "", "")


def test_a_received_field_of_brackets_is_linear(
    growth: Callable[[Callable[[int], Callable[[], object]]], float],
) -> None:
    """Four times as many: who begins anew at each of them takes sixteen times as long."""

    def make(times: int) -> Callable[[], object]:
        value = b" from " + b"(" * (1000 if times == 1 else 4000)
        return lambda: read_received(value)

    assert growth(make) < 8
