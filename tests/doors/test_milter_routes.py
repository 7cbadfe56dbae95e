"""Recipient routing on the wire of the milter protocol, from the real `mailtriage serve`."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import milter_wire
from tests.support.milter_wire import Reply, Sample, Verdict, tag
from tests.support.postfix import free_port
from tests.support.serve import Service

ADDED, ADDED_WITH_PARAMETERS, REMOVED = "+", "2", "-"
CAN_REMOVE_RECIPIENT = 0x08
"""SMFIF_DELRCPT."""

TOML = """\
[milter]
listen = "unix:{directory}/milter.sock"
workers = 1
analysers = 1
[desk]
listen = "unix:{directory}/desk.sock"
[state]
url = "sqlite://{directory}/state.db"
[ack]
submit = "127.0.0.1:{port}"
[mailboxes."help@desk.example"]
ack = "off"
route = "recipient"
[mailboxes."help@desk.example".routes]
billing = "billing@desk.example"
"""
INVOICE = (
    b"From: Joe <joe@customer.example>\nTo: help@desk.example\nSubject: Invoice\n"
    b"Message-ID: <m1@customer.example>\n\n"
    b"Could you send me the invoice for October once more? I cannot find the PDF.\n"
)


@pytest.fixture(scope="module")
def wire() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    with Service(directory, TOML.format(directory=directory, port=free_port())):
        yield directory / "milter.sock"
    shutil.rmtree(directory)


def envelope_edits(reply: Reply) -> list[tuple[str, str]]:
    """Recipients added and removed, but for the hidden one."""
    kinds = (ADDED, ADDED_WITH_PARAMETERS, REMOVED)
    return [
        (edit.kind, edit.name)
        for edit in reply.edits
        if edit.kind in kinds and "mailtriage.invalid" not in edit.name
    ]


def test_the_new_one_is_there_before_the_old_one_goes_and_both_before_the_headers(
    wire: Path,
) -> None:
    sample = Sample.parse(INVOICE, recipients=(b"help@desk.example",))
    reply = tag(wire, sample)
    assert envelope_edits(reply) == [
        (ADDED_WITH_PARAMETERS, "<billing@desk.example>"),
        (REMOVED, "<help@desk.example>"),
    ]
    kinds = "".join(edit.kind for edit in reply.edits)
    assert kinds.index(REMOVED) < kinds.index("i")
    assert reply.verdict in (Verdict.CONTINUE, Verdict.ACCEPT)
    assert reply.tags["X-Mailtriage-Route"] == "billing-en"


def test_the_new_one_has_an_orcpt_by_which_postfix_knows_a_second_one(wire: Path) -> None:
    """Who wrote to the old and the new would reach the new twice (measured on Postfix 3.7)."""
    reply = tag(wire, Sample.parse(INVOICE, recipients=(b"help@desk.example",)))
    (added,) = [edit for edit in reply.edits if edit.name == "<billing@desk.example>"]
    assert "ORCPT=rfc822;billing@desk.example" in str(added)


def test_the_old_one_is_removed_as_the_client_spelled_it(wire: Path) -> None:
    sample = Sample.parse(INVOICE, recipients=(b"HELP@Desk.Example",))
    assert (REMOVED, "<HELP@Desk.Example>") in envelope_edits(tag(wire, sample))


def test_others_of_the_mail_and_mail_of_ours_are_left_alone(wire: Path) -> None:
    several = (b"ann@desk.example", b"help@desk.example")
    sample = Sample.parse(INVOICE, recipients=several)
    assert len(envelope_edits(tag(wire, sample))) == 2
    assert envelope_edits(tag(wire, sample, client_address=b"127.0.0.1")) == []


def test_an_mta_that_cannot_remove_one_keeps_it_and_gets_the_tags(
    wire: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = milter_wire.OFFERED_ACTIONS & ~CAN_REMOVE_RECIPIENT
    monkeypatch.setattr(milter_wire, "OFFERED_ACTIONS", offered)
    reply = tag(wire, Sample.parse(INVOICE, recipients=(b"help@desk.example",)))
    assert envelope_edits(reply) == []
    assert reply.tags["X-Mailtriage-Skill"] == "billing"
