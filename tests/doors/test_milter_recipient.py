"""The hidden recipient on the wire of the milter protocol, from the real `mailtriage serve`."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Hidden, Tokens
from mailtriage.state.secret import read_secret
from tests.support import milter_wire
from tests.support.mails import FORGED, assert_tagged
from tests.support.milter_wire import Edit, Reply, Sample, Verdict, tag
from tests.support.postfix import free_port
from tests.support.serve import Service

RESULTS = b"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=customer.example\n"
HELP = b"help@desk.example"
JOE = b"joe@customer.example"
ADD_RECIPIENT, ADD_RECIPIENT_WITH_PARAMETERS = "+", "2"
CAN_ADD_RECIPIENT, CAN_ADD_WITH_PARAMETERS = 0x04, 0x80
"""SMFIF_ADDRCPT, SMFIF_ADDRCPT_PAR."""

TOML = """\
[milter]
listen = "unix:{directory}/milter.sock"
workers = 1
analysers = 1
{milter}
[desk]
listen = "unix:{directory}/desk.sock"
[state]
url = "sqlite://{directory}/state.db"
[ack]
submit = "127.0.0.1:{port}"
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[mailboxes."help@desk.example"]
[policies]
shipped = {shipped}
"""


class Wire:
    """The service, and what it says to an MTA."""

    def __init__(self, directory: Path, milter: str = "", shipped: str = "true") -> None:
        self.socket = directory / "milter.sock"
        toml = TOML.format(directory=directory, milter=milter, shipped=shipped, port=free_port())
        self.service = Service(directory, toml)
        self.secret = directory / "secret"

    @property
    def tokens(self) -> Tokens:
        return Tokens(read_secret(self.secret))

    def tag(self, raw: bytes, client: bytes = b"203.0.113.7", **envelope: object) -> Reply:
        return tag(self.socket, Sample.parse(raw, **envelope), client_address=client)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    wire = Wire(directory)
    with wire.service:
        yield wire
    shutil.rmtree(directory)


def mail(
    more: bytes = b"", *, to: bytes = HELP, message_id: bytes = b"<m1@customer.example>"
) -> bytes:
    return (
        RESULTS + b"From: Joe <joe@customer.example>\nTo: " + to + b"\nSubject: Where is my parcel?\n"
        b"Message-ID: " + message_id + b"\n" + more + b"\nHello, where is my parcel? It never came.\n"
    )  # fmt: skip


def recipients(reply: Reply) -> list[Edit]:
    """Every kind of added recipient."""
    kinds = (ADD_RECIPIENT, ADD_RECIPIENT_WITH_PARAMETERS)
    return [edit for edit in reply.edits if edit.kind in kinds]


def hidden(wire: Wire, reply: Reply) -> Hidden | None:
    (edit,) = recipients(reply)
    assert (edit.kind, edit.value) == (ADD_RECIPIENT_WITH_PARAMETERS, "NOTIFY=NEVER")
    assert edit.name.startswith("<") and edit.name.endswith(">")  # noqa: PT018  one form
    return wire.tokens.read_hidden_recipient(edit.name[1:-1])


def test_it_comes_first_then_deletions_then_headers_then_the_verdict(wire: Wire) -> None:
    """Postfix keeps what it has got when the milter dies in between: the desk hears of a mail
    whose tags are missing, and never the other way round."""
    sample = Sample.parse(FORGED + mail(), sender=JOE)
    reply = tag(wire.socket, sample)
    kinds = "".join(edit.kind for edit in reply.edits)
    assert kinds.lstrip(ADD_RECIPIENT_WITH_PARAMETERS).lstrip("m").lstrip("i") == ""
    assert (kinds.count("2"), kinds[0]) == (1, "2")
    assert kinds.count("m") == len(FORGED.splitlines())
    assert reply.verdict in (Verdict.CONTINUE, Verdict.ACCEPT)
    assert_tagged(reply.applied_to(sample.headers))
    assert reply.tags["X-Mailtriage-Ack"] == "sent"


def test_it_is_of_this_mail(wire: Wire) -> None:
    key = wire.tokens.dedupe_key(HELP.decode(), JOE.decode(), b"<m1@customer.example>")
    first = wire.tag(mail(), sender=JOE)
    assert hidden(wire, first) == Hidden(key, "in")
    again = wire.tag(mail(), b"203.0.113.99", sender=JOE, queue_id=b"another")
    assert recipients(again) == recipients(first), "a client that sends it again"
    other = wire.tag(mail(message_id=b"<m2@customer.example>"), sender=JOE)
    assert recipients(other) != recipients(first)


@pytest.mark.parametrize(
    ("raw", "envelope", "expected"),
    [
        (mail(), {}, 1),
        (mail(), {"recipients": (b"ann@desk.example", b"HELP@desk.example")}, 1),
        (mail(b"In-Reply-To: <x@y.example>\n"), {}, 1),
        (mail(b"Auto-Submitted: auto-replied\n"), {}, 0),
        (mail(b"List-Id: <a.example>\n"), {}, 0),
        (mail(b"X-Mailtriage-Loop: abc\nAuto-Submitted: auto-replied\n"), {}, 0),
        (mail(), {"sender": b""}, 1),
        (mail(b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"),
         {"sender": b""}, 0),
        (mail(to=b"ann@desk.example"), {"recipients": (b"ann@desk.example",)}, 0),
        (mail(to=b"help@other.example"), {"recipients": (b"help@other.example",)}, 0),
    ],
    ids=[
        "a request", "among others, in capitals", "a reply", "a robot", "a list",
        "our own, come back", "a letter of nobody", "a bounce", "a person", "somebody else's help",
    ],
)  # fmt: skip
def test_only_mail_that_leads_to_something_has_one(
    wire: Wire, raw: bytes, envelope: dict[str, object], expected: int
) -> None:
    reply = wire.tag(raw, **({"sender": JOE} | envelope))
    assert len(recipients(reply)) == expected
    assert reply.tags["X-Mailtriage-Status"] == "ok", "tagged all the same"


def answer(more: bytes = b"In-Reply-To: <m1@customer.example>\n") -> bytes:
    return (
        b"From: Desk <help@desk.example>\nTo: joe@customer.example\nSubject: Re: parcel\n"
        b"Message-ID: <a1@desk.example>\n" + more + b"\nHello Joe, it is on its way.\n"
    )


def test_an_answer_of_ours_has_one_and_no_header(wire: Wire) -> None:
    for envelope in ({"client": b"127.0.0.1"}, {"login": b"ann"}):
        reply = wire.tag(answer(), sender=HELP, recipients=(JOE,), **envelope)  # type: ignore[arg-type] # one of both
        key = wire.tokens.dedupe_key("", HELP.decode(), b"<a1@desk.example>")
        assert hidden(wire, reply) == Hidden(key, "out")
        assert len(reply.edits) == 1


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"Auto-Submitted: auto-generated\n"),
        answer(b"X-Mailtriage-Loop: abc.def\n").replace(b"help@", b"ann@"),
        answer().replace(b"help@", b"ann@"),
    ],
)
def test_other_mail_of_ours_has_none(wire: Wire, raw: bytes) -> None:
    reply = wire.tag(raw, b"127.0.0.1", sender=b"ann@desk.example", recipients=(JOE,))
    assert recipients(reply) == []
    assert reply.inserted == []


@pytest.mark.parametrize(
    "missing",
    [CAN_ADD_WITH_PARAMETERS, CAN_ADD_RECIPIENT, CAN_ADD_RECIPIENT | CAN_ADD_WITH_PARAMETERS],
)
def test_an_mta_that_cannot_hide_it_gets_the_tags_all_the_same(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    """Without NOTIFY=NEVER a bounce of the copy would reach the customer: rather no copy."""
    monkeypatch.setattr(milter_wire, "OFFERED_ACTIONS", milter_wire.OFFERED_ACTIONS & ~missing)
    sample = Sample.parse(FORGED + mail(), sender=JOE)
    reply = tag(wire.socket, sample)
    assert recipients(reply) == []
    assert len(reply.deleted) == len(FORGED.splitlines())
    assert_tagged(reply.applied_to(sample.headers))


def test_two_mails_of_one_session_have_one_each(wire: Wire) -> None:
    samples = [
        Sample.parse(mail(message_id=b"<s%d@customer.example>" % number), sender=JOE)
        for number in range(3)
    ]
    with milter_wire.MilterSession(wire.socket).open() as session:
        found = [session.message(sample) for sample in samples]
    assert len({recipients(reply)[0].name for reply in found}) == 3


def test_a_mail_that_passes_unread_has_the_same() -> None:
    """The analyser is stopped: no tags that say anything, and the desk judges the mail by itself."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    wire = Wire(directory, 'deadline = "1s"', shipped="false")
    with wire.service:
        read = wire.tag(mail(), sender=JOE)
        (analyser,) = wire.service.workers("analyser")
        os.kill(analyser, signal.SIGSTOP)
        try:
            unread = wire.tag(mail(), sender=JOE)
            bounce = wire.tag(mail(), sender=b"")
            ours = wire.tag(answer(), b"127.0.0.1", sender=HELP, recipients=(JOE,))
        finally:
            os.kill(analyser, signal.SIGCONT)
    shutil.rmtree(directory)
    assert unread.tags["X-Mailtriage-Status"] == "timeout"
    assert unread.tags["X-Mailtriage-Seal"] == "none"
    assert recipients(unread) == recipients(read)
    assert unread.edits[0].kind == ADD_RECIPIENT_WITH_PARAMETERS
    assert recipients(bounce) == recipients(ours) == []
