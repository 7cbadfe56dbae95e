"""mailtriage ack: the letter that the customer would get, or the rule that forbids it."""

import email
import email.policy
import re
from pathlib import Path

import pytest

from mailtriage.demo.embedded import sample_files
from tests.commands.conftest import Call, Write

MAIL = b"""\
Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=customer.example
From: Kim <kim@customer.example>
To: help@desk.example
Subject: Wrong amount on the invoice
Message-ID: <1@customer.example>
Content-Type: text/plain; charset=utf-8

Hello, the amount on the invoice of October is wrong. Please send a corrected invoice.
"""
CONFIG = """
[networks]
outbound = ["127.0.0.0/8"]
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[calendars.desk]
timezone = "Europe/Stockholm"
[mailboxes."help@desk.example"]
name = "Kundservice Väst"
urgent = "+46 8 123 45 67"
privacy = "https://desk.example/privacy"
{mailbox}
{more}
"""


@pytest.fixture
def config(write: Write) -> Path:
    return write("desk.toml", CONFIG.format(mailbox="", more=""))


THEN = ("--update", "--survey")


def test_the_letter_is_shown_as_the_customer_reads_it(
    call: Call, write: Write, config: Path
) -> None:
    write("mail.eml", MAIL)
    done = call("--config", config, "ack", "mail.eml")
    assert (done.code, done.err) == (0, "")
    head, _, text = done.out.partition("\n\n")
    assert head.splitlines() == [
        "From: Kundservice Väst <help@desk.example>",
        "To: kim@customer.example",
        "Subject: Message received: Wrong amount on the invoice",
        "Content-Language: en",
    ]
    assert text.startswith("Hello,\n")
    assert "+46 8 123 45 67" in text
    assert "https://desk.example/privacy" in text
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{2}", text), "the reference"
    assert re.search(r"\d\d:\d\d (?:CET|CEST)", text)


def test_the_raw_message_is_what_would_go_out(call: Call, write: Write, config: Path) -> None:
    write("mail.eml", MAIL)
    done = call("--config", config, "ack", "--raw", "mail.eml")
    assert (done.code, done.err) == (0, "")
    message = email.message_from_string(done.out, policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<1@customer.example>"
    assert message["Message-ID"].startswith("<ack.")
    assert not message.defects


@pytest.mark.parametrize(
    ("raw", "options", "mailbox", "line"),
    [
        (
            b"Auto-Submitted: auto-replied\n" + MAIL, (), "",
            "no acknowledgement: rule B1 (auto-replied): ",
        ),
        (MAIL, ("--sender", ""), "", "no acknowledgement: rule A1: the reverse-path is empty"),
        (MAIL, ("--sender", "x@evil.example"), "", "no acknowledgement: rule D3 (spf): "),
        (
            MAIL, ("--rcpt", "ann@desk.example"), "",
            "no acknowledgement: rule E1: no recipient is a mailbox that acknowledges",
        ),
        (MAIL, (), 'ack = "off"', "no acknowledgement: rule E1 (off): "),
        (
            MAIL, (), 'ack = "delegate"',
            "delegated: the helpdesk of help@desk.example acknowledges; no rule forbids it",
        ),
        (MAIL, ("--client", "127.0.0.1"), "", "no acknowledgement: the mail is your own (outbound)"),
    ],
    ids=["B1", "A1", "D3", "E1", "off", "delegate", "outbound"],
)  # fmt: skip
def test_one_line_says_why_there_is_none(
    call: Call, write: Write, raw: bytes, options: tuple[str, ...], mailbox: str, line: str
) -> None:
    config = write("desk.toml", CONFIG.format(mailbox=mailbox, more=""))
    write("mail.eml", raw)
    done = call("--config", config, "ack", *options, "mail.eml")
    assert (done.code, done.err) == (0, "")
    (found,) = done.out.splitlines()
    assert found.startswith(line), found


def test_without_a_trusted_server_the_way_to_one_is_shown(call: Call, write: Write) -> None:
    write("mail.eml", MAIL)
    config = write("desk.toml", '[mailboxes."help@desk.example"]\n')
    done = call("--config", config, "ack", "mail.eml")
    assert "rule D7 (not-configured)" in done.out
    assert "authentication.trusted_authserv_ids" in done.out


def test_a_mailbox_that_cannot_write_is_an_error(call: Call, write: Write) -> None:
    config = write("desk.toml", CONFIG.format(mailbox='from = "hjälp@desk.example"', more=""))
    write("mail.eml", MAIL)
    done = call("--config", config, "ack", "mail.eml")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("mail.eml: no acknowledgement can be made: ")
    assert len(done.lines()) == 1


def test_a_mail_cannot_steer_the_terminal(call: Call, write: Write, config: Path) -> None:
    raw = MAIL.replace(b"Wrong amount", b"=?utf-8?q?=1B]0;mine=07_=C2=9B31m?= \x1b[31m")
    write("mail.eml", raw)
    page = call("--config", config, "ack", "mail.eml").out
    assert "Subject: " in page
    assert all(c == "\n" or ord(c) >= 0xA0 or 0x20 <= ord(c) < 0x7F for c in page)


def test_every_mail_of_a_folder_has_its_answer(call: Call, config: Path, samples: Path) -> None:
    """None of them is vouched for here."""
    done = call("--config", config, "ack", "--rcpt", "help@desk.example", samples)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    names = [line.removesuffix(":") for line in lines if line.startswith(str(samples))]
    assert [Path(name).name for name in names] == [file.name for file in sample_files()]
    assert sum(line.startswith("no acknowledgement: rule ") for line in lines) == len(names)


@pytest.mark.parametrize("raw", [b"", b"\0", b"no header at all", b"\xff\xfe" * 100, b":\n\n"])
def test_whatever_is_no_mail_gets_none(call: Call, config: Path, raw: bytes) -> None:
    done = call("--config", config, "ack", "-", stdin=raw)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("no acknowledgement: rule ")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("missing.eml",), 1, "mailtriage: missing.eml: no such file or directory"),
        ((), 2, ""),
    ],
)
def test_what_is_called_wrongly(
    call: Call, config: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    done = call("--config", config, "ack", *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(error)


def test_a_broken_configuration_is_told(call: Call, write: Write) -> None:
    write("mail.eml", MAIL)
    config = write("desk.toml", "[ack]\nprefer = 'x'\n")
    done = call("--config", config, "ack", "mail.eml")
    assert (done.code, done.out) == (1, "")
    assert f"{config}:2: ack.prefer: " in done.err


def test_nothing_is_written(call: Call, write: Write, tmp_path: Path) -> None:
    state = f'[state]\nurl = "sqlite://{tmp_path}/state.db"'
    config = write("desk.toml", CONFIG.format(mailbox="", more=state))
    write("mail.eml", MAIL)
    before = set(tmp_path.rglob("*"))
    assert call("--config", config, "ack", "mail.eml").code == 0
    assert set(tmp_path.rglob("*")) == before


def test_what_could_follow_it_is_shown_as_well(call: Call, write: Write) -> None:
    config = write("desk.toml", CONFIG.format(mailbox="", more=""))
    write("mail.eml", MAIL)
    shown = {then: call("--config", config, "ack", then, "mail.eml") for then in THEN}
    assert [done.code for done in shown.values()] == [0, 0]
    assert "We promised you an answer by " in shown["--update"].out
    assert shown["--survey"].out.count("mailto:v1.") == 5
    for done in shown.values():
        assert "switched off: nobody is sent this" in done.err
