"""What a door does: whether the desk hears of a mail, and what goes under the seal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.acks.plan import Plan, is_short, plan_inbound, unread_recipient
from mailtriage.acks.tokens import Hidden, Tokens
from mailtriage.config import Config, load
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.state.ledger import NO_LEDGER
from mailtriage.triage.model import Kind, Triage

TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
HELP, SALES, JOE = "help@desk.example", "sales@desk.example", "joe@customer.example"
NOW = 1_795_420_800.9
TOML = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[mailboxes."help@desk.example"]
aliases = ["support@desk.example"]
[mailboxes."sales@desk.example"]
[mailboxes."off@desk.example"]
ack = "off"
[mailboxes."ticket@desk.example"]
ack = "delegate"
"""
RESULTS = "Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=customer.example\n"
GERMAN = Triage(language="de", language_confidence=0.9)
MakePlan = Callable[..., Plan]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "mailtriage.toml"
    file.write_text(TOML, encoding="utf-8")
    return load([file]).config


def header(to: str = HELP, more: str = "", message_id: str = "<m1@customer.example>") -> str:
    identity = f"Message-ID: {message_id}\n" if message_id else ""
    return f"{RESULTS}From: {JOE}\nTo: {to}\nSubject: Parcel\n{identity}{more}"


@pytest.fixture
def plan(config: Config) -> MakePlan:
    """The plan for a mail, as triaged."""

    def make(
        head: str,
        body: str = "Hello, where is it?\n",
        *,
        sender: str = JOE,
        recipients: tuple[str, ...] = (HELP,),
        judged: Triage = GERMAN,
    ) -> Plan:
        mail = read_message(
            f"{head}\n{body}".encode(),
            envelope=Envelope(sender, recipients),
            client=Client("198.51.100.7"),
        )
        return plan_inbound(mail, judged, config, TOKENS, NO_LEDGER, NOW, body=body.encode())

    return make


ROBOT = Triage(kind=Kind.MACHINE)
COMPLAINT = (
    "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n"
)


@pytest.mark.parametrize(
    ("head", "sender", "recipient", "judged", "rule", "heard"),
    [
        (header(), JOE, HELP, Triage(), "", True),
        (header(to="ticket@desk.example"), JOE, "ticket@desk.example", Triage(), "", True),
        (header(to="off@desk.example"), JOE, "off@desk.example", Triage(), "E1", True),
        (header(more="Auto-Submitted: no\n"), JOE, HELP, Triage(), "", True),
        (header(more="In-Reply-To: <x@y.example>\nX-CSA-Complaints: a\n"), JOE, HELP, Triage(), "B3", True),
        (header(more="Auto-Submitted: auto-replied\n"), JOE, HELP, ROBOT, "B1", False),
        (header(more="List-Id: <a.example>\n"), JOE, HELP, Triage(kind=Kind.LIST), "B2", False),
        (header(), "", HELP, Triage(kind=Kind.BOUNCE), "A1", False),
        (header(to="ann@desk.example"), JOE, "ann@desk.example", Triage(), "E1", False),
        (header(more=COMPLAINT), "fbl@big.example", HELP, ROBOT, "C3", True),
        (header(more=COMPLAINT), "", HELP, ROBOT, "A1", True),
    ],
    ids=[
        "a request", "delegated", "switched off", "auto-submitted: no", "a human whom a rule stops",
        "a robot", "a list", "a bounce", "a person", "a complaint", "a complaint, null sender",
    ],
)  # fmt: skip
def test_the_desk_hears_of_what_leads_to_something(
    plan: MakePlan,
    head: str,
    sender: str,
    recipient: str,
    judged: Triage,
    rule: str,
    *,
    heard: bool,
) -> None:
    made = plan(head, sender=sender, recipients=(recipient,), judged=judged)
    assert made.verdict.rule == rule
    assert bool(made.recipient) is heard
    if heard:
        assert TOKENS.read_hidden_recipient(made.recipient) == Hidden(made.case.key, "in")


KELVIN = "\N{KELVIN SIGN}"


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (f"X-Mailtriage-Loop: {KELVIN * 26}.{KELVIN * 13}\n", "B7"),
        (f"References: <ack.{KELVIN * 26}.{KELVIN * 13}@desk.example>\n", ""),
    ],
)
def test_letters_that_only_look_like_ours_do_no_harm(plan: MakePlan, more: str, rule: str) -> None:
    """In Unicode, the Kelvin sign is a capital k: case folding takes it for base32."""
    assert plan(header(more=more)).verdict.rule == rule


def test_what_goes_under_the_seal(plan: MakePlan) -> None:
    facts = plan(header()).facts()
    assert facts.mailbox == TOKENS.mailbox_name(HELP)
    assert (facts.rule, facts.source, facts.generic) == ("", "sender", "")
    assert (facts.repeat_subject, facts.short) == (True, True)
    assert (facts.client, facts.at) == ("198.51.100.7", 1_795_420_800)


@pytest.mark.parametrize(
    ("confidence", "sealed"),
    [
        (0.0, 0),
        (0.794, 79),
        (0.795, 79),
        (0.7999, 79),
        (0.8, 80),
        (0.81, 81),
        (0.999, 99),
        (1.0, 100),
    ],
)
def test_no_confidence_is_gained_on_the_way(plan: MakePlan, confidence: float, sealed: int) -> None:
    """At 0.8 an answer is in one language, and below it in two."""
    judged = Triage(language="de", language_confidence=confidence)
    assert plan(header(), judged=judged).facts().confidence == sealed


@pytest.mark.parametrize(
    ("lines", "short"),
    [([], True), (["a"] * 3, True), (["a", "", " ", "b", "", "c"], True), (["a"] * 4, False)],
)
def test_three_lines_are_short(lines: list[str], *, short: bool) -> None:
    mail = read_message(b"Subject: x\n\n" + "\n".join(lines).encode())
    assert is_short(mail) is short


# Mail that passes unread: the desk will judge it.


def unread(
    config: Config,
    head: str,
    body: bytes = b"Hello\n",
    sender: str = JOE,
    recipients: tuple[str, ...] = (HELP,),
) -> str:
    fields = [
        (name, value.strip().encode())
        for name, _, value in (line.partition(":") for line in head.splitlines())
    ]
    return unread_recipient(fields, body, Envelope(sender, recipients), "4Wx0", config, TOKENS)


@pytest.mark.parametrize("message_id", ["<m1@customer.example>", ""])
@pytest.mark.parametrize(
    "to", [HELP, "support@desk.example", f"{SALES}, {HELP}", f"{HELP}, {SALES}"]
)
def test_it_is_known_by_the_same_key(
    plan: MakePlan, config: Config, message_id: str, to: str
) -> None:
    """A client that comes again finds the analysers well again: still one mail."""
    head = header(to, "Date: Mon, 23 Nov 2026 09:00:00 +0100\n", message_id)
    recipients = tuple(to.split(", "))
    body = "Hello, where is it?\n"
    made = plan(head, body, recipients=recipients)
    assert unread(config, head, body.encode(), recipients=recipients) == made.recipient != ""


@pytest.mark.parametrize(
    ("sender", "recipients"), [("", (HELP,)), (JOE, ()), (JOE, ("ann@desk.example",))]
)
def test_what_can_lead_to_nothing_is_not_told(
    config: Config, sender: str, recipients: tuple[str, ...]
) -> None:
    assert unread(config, header(), sender=sender, recipients=recipients) == ""


def test_whatever_the_header_is(config: Config) -> None:
    odd = [("\udcff", b"\xff"), ("To", b"\x00\xff"), ("Message-ID", b"<>"), ("to", b"")]
    found = unread_recipient(odd, b"", Envelope(JOE, (HELP,)), "", config, TOKENS)
    assert TOKENS.read_hidden_recipient(found) is not None
