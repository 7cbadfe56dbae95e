"""mailtriage explain: the page for people, the JSON for programs, and that both tell the truth."""

import json
import mailbox
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailtriage.demo.embedded import sample_files
from tests.commands.conftest import Call, Write
from tests.support.milter_wire import Sample, tag
from tests.support.serve import Service

KEYS = [
    "file", "message_id", "direction", "language", "language_confidence", "skill",
    "skill_confidence", "skills", "priority", "score", "tier", "churn", "mood", "kind", "thread",
    "topic", "kb", "route", "text", "headers", "strip", "exempt", "dry_run", "dry_run_policies",
    "ack", "why", "status", "ms",
]  # fmt: skip
"""Of every JSON object; others parse it, so that a key that goes or comes is a breaking change."""

FORGED = b"""\
Return-Path: <kim@customer.example>
From: Kim <kim@customer.example>
X-Mailtriage-Tier: vip
x-mailtriage-tier : vip
To: help@desk.example
Subject: Wrong amount on the invoice
Message-ID: <1@customer.example>
Content-Type: text/plain; charset=utf-8

Hello, the amount on the invoice of October is wrong. Please send a corrected invoice.
"""


def steady(message: dict[str, Any]) -> dict[str, Any]:
    """Without what is another at every call: the time, and the key of a run that has no secret."""
    headers = [[name, SEAL.sub("", value)] for name, value in message["headers"]]
    return message | {"ms": 0, "headers": headers}


SEAL = re.compile(r"box=[^;]+; |; at=.*")


def objects(text: str) -> list[dict[str, Any]]:
    """One JSON object a line."""
    return [json.loads(line) for line in text.splitlines()]


def test_the_page_shows_what_was_read_why_and_the_header_edits(
    call: Call, defaults: Path, write: Write
) -> None:
    write("forged.eml", FORGED)
    done = call("--config", defaults, "explain", "forged.eml")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0].startswith("forged.eml ")
    assert "From Kim <kim@customer.example>" in lines
    assert "Subject Wrong amount on the invoice" in lines
    assert any(line.startswith("normal (") and " billing " in line for line in lines)
    (reason,) = [line for line in lines if line.startswith("skill billing-invoice-word ")]
    assert '"invoice"' in reason
    assert "- x-mailtriage-tier (number 2)" in lines
    assert "- x-mailtriage-tier (number 1)" in lines
    assert "+ X-Mailtriage-Skill: billing" in lines
    assert "+ X-Mailtriage-Tier: unknown" in lines


def test_a_long_text_is_cut_and_wrapped_below_its_beginning(
    call: Call, quick: Path, write: Write
) -> None:
    write("long.eml", b"Subject: long\n\n" + b"word " * 1000)
    page = call("--config", quick, "explain", "long.eml").out
    text = [line for line in page.splitlines() if "word word" in line and "model" not in line]
    assert page.count("word") < 200
    assert text[0].startswith("Text     word ")
    assert all(line.startswith("         word ") for line in text[1:])
    assert max(map(len, text)) <= 120


def test_a_mail_cannot_steer_the_terminal(call: Call, quick: Path, write: Write) -> None:
    raw = (
        b"From: =?utf-8?q?=1B[2J?= <a@b.example>\nSubject: =?utf-8?q?=1B]0;mine=07_=C2=9B31m?=\n"
        b"X-Mailtriage-\x1b[1mTier: vip\n\nred \x1b[31m\x9b32m\x00\r\n"
    )
    write("escape.eml", raw)
    page = call("--config", quick, "explain", "escape.eml").out
    assert all(c in "\n\t" or ord(c) >= 0xA0 or 0x20 <= ord(c) < 0x7F for c in page)
    assert r"red \x1b[31m" in page


@pytest.mark.parametrize("number", ["one", "many"])
def test_json_is_one_object_a_message_and_line(
    call: Call, quick: Path, samples: Path, number: str
) -> None:
    path = sample_files()[0] if number == "one" else samples
    done = call("--config", quick, "explain", "--json", path)
    assert (done.code, done.err) == (0, "")
    expected = [str(path)] if number == "one" else [str(file) for file in sample_files()]
    found = objects(done.out)
    assert [message["file"] for message in found] == expected
    assert all(list(message) == KEYS for message in found)


def test_the_values_are_of_the_kinds_that_programs_rely_on(
    call: Call, defaults: Path, write: Write
) -> None:
    write("forged.eml", FORGED)
    (message,) = objects(call("--config", defaults, "explain", "--json", "forged.eml").out)
    assert message["message_id"] == "<1@customer.example>"
    assert (message["direction"], message["status"]) == ("inbound", "ok")
    assert (message["language"], message["skill"], message["kind"]) == ("en", "billing", "human")
    assert 0.0 < message["language_confidence"] <= 1.0
    assert 0.0 < message["skill_confidence"] <= 1.0
    assert message["skills"][0].keys() == {"name", "score"}
    assert message["skills"][0]["name"] == "billing"
    assert isinstance(message["score"], int)
    assert message["route"] == "billing-en"
    assert message["text"].startswith("Hello, the amount")
    assert dict(message["headers"])["X-Mailtriage-Score"] == f"{message['score']:03d}"
    assert [name.lower() for name in message["strip"]] == ["x-mailtriage-tier"] * 2
    assert message["ack"] == NO_ACK | {"rule": "D7"}, "no server is trusted"
    assert all(reason.keys() == {"facet", "id", "weight", "where"} for reason in message["why"])
    assert isinstance(message["ms"], float)


def test_mail_is_read_from_wherever_it_lies(call: Call, quick: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.eml").write_bytes(b"Subject: in a folder\n\nx\n")
    maildir = mailbox.Maildir(tmp_path / "maildir")
    maildir.add(b"Subject: in a Maildir\n\nx\n")
    mbox = mailbox.mbox(tmp_path / "inbox")
    mbox.add(b"Subject: first in an mbox\n\nx\n")
    mbox.add(b"Subject: second in an mbox\n\nx\n")
    mbox.close()
    command = ("--config", quick, "explain", "folder", "maildir", "inbox", "-")
    done = call(*command, stdin=b"Subject: on standard input\n\nx\n")
    assert (done.code, done.err) == (0, "")
    assert [line.split(maxsplit=1)[1] for line in done.out.splitlines() if "Subject" in line] == [
        "in a folder",
        "in a Maildir",
        "first in an mbox",
        "second in an mbox",
        "on standard input",
    ]


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(
    call: Call, quick: Path, write: Write, tmp_path: Path
) -> None:
    write("a.eml", "Subject: a\n\nx\n")
    (tmp_path / "empty").mkdir()
    done = call("--config", quick, "explain", "--json", "missing.eml", "empty", "a.eml")
    assert done.code == 1
    assert done.err.splitlines() == [
        "mailtriage: missing.eml: no such file or directory",
        "mailtriage: empty: no messages in this folder",
    ]
    assert [message["file"] for message in objects(done.out)] == ["a.eml"]


@pytest.mark.parametrize("raw", [b"", b"\0", b"no header at all", b"\xff\xfe" * 100, b":\n\n"])
def test_whatever_is_no_mail_is_explained_all_the_same(call: Call, quick: Path, raw: bytes) -> None:
    done = call("--config", quick, "explain", "--json", "-", stdin=raw)
    assert (done.code, done.err) == (0, "")
    (message,) = objects(done.out)
    assert list(message) == KEYS
    assert message["status"] in ("ok", "unread")


CONFIG = """
[networks]
outbound = ["127.0.0.0/8", "198.51.100.0/24"]
[customers]
files = ["{directory}/customers.csv"]
[mailboxes."help@desk.example"]
[mailboxes."money@desk.example"]
skills = ["billing"]
[policies]
shipped = false
directories = ["{directory}/policies"]
"""

POLICY = """
format = 1
skill = "{skill}"
threshold = 3.0
[[signal]]
id = "{skill}-word"
weight = {weight}
words.en = ["invoice"]
"""


@pytest.fixture
def desk(write: Write, tmp_path: Path) -> Path:
    """A configuration in which the envelope matters."""
    write("customers.csv", "boss@customer.example,vip\n")
    write("policies/billing.toml", POLICY.format(skill="billing", weight=3.0))
    write("policies/returns.toml", POLICY.format(skill="returns", weight=5.0))
    return write("desk.toml", CONFIG.format(directory=tmp_path))


def test_the_envelope_can_be_told(call: Call, desk: Path, write: Write) -> None:
    write("forged.eml", FORGED)

    def explained(*options: str, file: str = "forged.eml") -> dict[str, Any]:
        (message,) = objects(call("--config", desk, "explain", "--json", *options, file).out)
        return message

    assert explained()["tier"] == "unknown"
    outbound = explained("--client", "198.51.100.9")
    assert (outbound["direction"], outbound["headers"]) == ("outbound", [])
    assert len(outbound["strip"]) == 2, "forged tags go from our own people's mail too"
    assert explained("--client", "2001:db8::1")["direction"] == "inbound"
    assert explained("--sender", "boss@customer.example")["tier"] == "vip"
    write(
        "postmaster.eml",
        b"From: postmaster@customer.example\nTo: help@desk.example\nSubject: Returned\n\nx\n",
    )
    assert explained("--sender", "", file="postmaster.eml")["kind"] == "bounce"
    assert explained("--sender", "a@b.example", file="postmaster.eml")["kind"] != "bounce"
    assert explained()["skill"] == "returns"
    assert explained("--rcpt", "money@desk.example")["skill"] == "billing"
    assert steady(explained("--rcpt", "<money@desk.example>")) == (
        steady(explained("--rcpt", "money@desk.example"))
    )


NO_ACK = {
    "send": False,
    "rule": "none",
    "to": "",
    "from": "",
    "subject": "",
    "language": "",
    "by": "",
}
VOUCHED = (
    b"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=customer.example\n" + FORGED
)
DESK = """
[networks]
outbound = ["127.0.0.0/8"]
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[calendars.desk]
timezone = "Europe/Stockholm"
[mailboxes."help@desk.example"]
from = "reply@desk.example"
{mailbox}
[policies]
shipped = false
"""
SENT = {
    "send": True,
    "rule": "none",
    "to": "kim@customer.example",
    "from": "reply@desk.example",
    "subject": "Message received: Wrong amount on the invoice",
    "language": "en",
}


@pytest.mark.parametrize(
    ("raw", "options", "mailbox", "ack"),
    [
        (VOUCHED, (), "", SENT),
        (VOUCHED, (), 'ack = "deferred"', SENT),
        (VOUCHED, (), 'ack = "delegate"', NO_ACK),
        (VOUCHED, (), 'ack = "off"', NO_ACK | {"rule": "E1"}),
        (FORGED, (), "", NO_ACK | {"rule": "D7"}),
        (b"Auto-Submitted: auto-replied\n" + VOUCHED, (), "", NO_ACK | {"rule": "B1"}),
        (VOUCHED, ("--sender", ""), "", NO_ACK | {"rule": "A1"}),
        (VOUCHED, ("--sender", "x@evil.example"), "", NO_ACK | {"rule": "D3"}),
        (VOUCHED, ("--rcpt", "ann@desk.example"), "", NO_ACK | {"rule": "E1"}),
        (VOUCHED, ("--client", "127.0.0.1"), "", NO_ACK),
        (VOUCHED, (), 'aliases = ["hjälp@desk.example"]', SENT),
    ],
    ids=[
        "send", "deferred", "delegate", "off", "not vouched for", "a robot", "null sender",
        "another sender", "another recipient", "our own", "an alias",
    ],
)  # fmt: skip
def test_what_the_customer_would_be_answered(
    call: Call,
    write: Write,
    raw: bytes,
    options: tuple[str, ...],
    mailbox: str,
    ack: dict[str, Any],
) -> None:
    config = write("desk.toml", DESK.format(mailbox=mailbox))
    write("mail.eml", raw)
    (message,) = objects(call("--config", config, "explain", "--json", *options, "mail.eml").out)
    found = message["ack"]
    by = found.pop("by")
    assert found == {name: value for name, value in ack.items() if name != "by"}
    assert bool(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d\+0[12]:00", by)) is found["send"]
    tags = dict(message["headers"])
    if tags:
        assert tags["X-Mailtriage-Ack-Rule"] == found["rule"].lower()
        assert (tags["X-Mailtriage-Ack"] == "sent") is found["send"]


def test_what_cannot_be_composed_is_said(call: Call, write: Write) -> None:
    toml = DESK.format(mailbox="").replace("reply@desk.example", "hjälp@desk.example")
    write("mail.eml", VOUCHED)
    (message,) = objects(
        call("--config", write("desk.toml", toml), "explain", "--json", "mail.eml").out
    )
    assert message["ack"] == NO_ACK | {"rule": "J22"}


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a path short enough for a unix socket."""
    path = Path(tempfile.mkdtemp(prefix="mt-"))
    yield path
    shutil.rmtree(path)


def masked(fields: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Without the moment that the seal names, and so without its signature."""
    return [(name, re.sub("at=.*", "at=", value)) for name, value in fields]


def test_it_says_what_live_mail_gets(call: Call, directory: Path) -> None:
    """The same mails, once explained and once through the running service: the same edits."""
    listen = directory / "milter.sock"
    client, recipient = "203.0.113.9", "help@desk.example"
    toml = (
        f'[milter]\nlisten = "unix:{listen}"\nworkers = 1\nanalysers = 1\n'
        f'[desk]\nlisten = "unix:{directory}/desk.sock"\n'
        f'[state]\nurl = "sqlite://{directory}/state.db"\n'
        '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'
        '[mailboxes."help@desk.example"]\n'
    )
    files = [str(file) for file in sample_files()]
    with Service(directory, toml) as service:
        for sender in ("kim@customer.example", ""):
            envelope = ("--sender", sender, "--rcpt", recipient, "--client", client)
            done = call("--config", service.config, "explain", "--json", *envelope, *files)
            for file, explained in zip(files, objects(done.out), strict=True):
                mail = Sample.parse(
                    Path(file).read_bytes(),
                    sender=sender.encode(),
                    recipients=(recipient.encode(),),
                )
                reply = tag(listen, mail, client_address=client.encode())
                assert explained["file"] == file
                assert masked(explained["headers"]) == masked(reply.inserted), file
                assert explained["strip"] == [name for name, _ in reply.deleted], file
