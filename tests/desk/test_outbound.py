"""Mail of the organisation's own: it stops the clock, tells the ticket, or acknowledges itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailtriage.config.profile_file import shipped_profile
from mailtriage.desk.handle import Outcome
from mailtriage.desk.outbound import outbound_of, ticket_of
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from tests.support.office import HELP, JOE, ONE_MAILBOX, Office, letter, open_office

HELPDESK = Client("192.0.2.9", "helpdesk.desk.example")
DEFERRED = ONE_MAILBOX + 'ack = "deferred"\nwait = "5m"\n'
NOT_NOW = '[ack.limits]\ncool_down = "0s"\n'
OpenOne = Callable[..., Office]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[OpenOne]:
    """`start(toml)`: an office with that configuration."""
    with ExitStack() as opened:

        def start_one(toml: str = DEFERRED) -> Office:
            return opened.enter_context(open_office(tmp_path, toml))

        yield start_one


def answer(
    to: str = JOE,
    *,
    subject: str = "Re: Where is my parcel?",
    refers: str = "<m1@customer.example>",
    message_id: str = "<a1@desk.example>",
    sender: str = HELP,
    more: str = "",
) -> bytes:
    """What the helpdesk sends."""
    head = [
        f"From: Desk <{sender}>",
        *([f"To: {to}"] if to else []),
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 10:00:00 +0100",
        *([f"Message-ID: {message_id}"] if message_id else []),
        *([f"In-Reply-To: {refers}", f"References: {refers}"] if refers else []),
        *more.splitlines(),
    ]
    return "\r\n".join((*head, "", "Hello Joe, it is on its way.", "")).encode()


AUTOMATIC = "Auto-Submitted: auto-replied"


def acknowledge(office: Office) -> None:
    assert office.deliver(office.take(letter()).copy()).fields["outcome"] == "owed"


def goes_out(office: Office, raw: bytes, sender: str = HELP) -> Outcome:
    """A mail of ours through the milter, and its copy to the desk."""
    taken = office.take(raw, sender=sender, recipients=(JOE,), client=HELPDESK)
    assert taken.edits.insert == (), "outbound mail gets no header"
    return office.deliver(taken.copy()) if taken.hidden else Outcome(fields={"outcome": "unheard"})


def hears(office: Office, raw: bytes, sender: str = HELP) -> bool:
    """Whether the desk is told of it."""
    taken = office.take(raw, sender=sender, recipients=(JOE,), client=HELPDESK)
    return bool(taken.hidden)


# Which of them the desk hears of.


@pytest.mark.parametrize(
    ("raw", "sender", "heard"),
    [
        (answer(), HELP, True),
        (answer(refers=""), HELP, True),
        (answer(sender="ann@desk.example"), "ann@desk.example", True),
        (answer(sender="ann@desk.example", refers="<other@x.example>"), "ann@desk.example", False),
        (answer(sender="ann@desk.example", refers=""), "ann@desk.example", False),
        (answer(more=AUTOMATIC), HELP, True),
        (answer(more=AUTOMATIC), "", True),
        (answer(refers="", more=AUTOMATIC), HELP, False),
        (answer(refers="", more="Precedence: bulk"), HELP, False),
        (answer(refers="", more="Auto-Submitted: no"), HELP, True),
        (answer(refers=""), "", False),
        (answer(more="X-Mailtriage-Loop: abc.def"), HELP, False),
    ],
)
def test_the_desk_hears_of_answers(start: OpenOne, raw: bytes, sender: str, *, heard: bool) -> None:
    office = start()
    acknowledge(office)
    assert hears(office, raw, sender) is heard


def test_answers_without_message_id_are_told_apart(start: OpenOne) -> None:
    office = start(ONE_MAILBOX)
    other = answer(message_id="", subject="Re: another matter")
    taken = [
        office.take(raw, sender=HELP, client=HELPDESK).hidden
        for raw in (answer(message_id=""), other, answer(message_id=""))
    ]
    assert taken[0] != taken[1]
    assert taken[0] == taken[2]


# What the desk makes of them.


def test_a_mail_to_agents_tells_the_ticket_and_the_acknowledgement_goes_out_with_it(
    start: OpenOne,
) -> None:
    office = start()
    acknowledge(office)
    assert office.rows() == [("WAITING", "")]
    assert office.send_all() == []
    notice = answer("agents@desk.example", subject="[desk.example #17] Where is my parcel?")
    found = goes_out(office, notice)
    assert (found.level, found.fields["released"]) == ("info", 1)
    (sent,) = office.send_all()
    assert sent["Subject"].endswith(" [desk.example #17]")
    assert "Where is my parcel?" in sent["Subject"]
    assert (sent["To"], sent["In-Reply-To"]) == (JOE, "<m1@customer.example>")


def test_the_ticket_changes_nothing_else(start: OpenOne) -> None:
    """Reference, promise and Message-ID were fixed when the mail came in."""
    office = start()
    acknowledge(office)
    (waiting,) = office.owed()
    goes_out(office, answer("agents@desk.example", subject="[#17] Where is my parcel?"))
    (sent,) = office.send_all()
    assert sent["Message-ID"] == waiting["Message-ID"]
    assert sent.get_content() == waiting.get_content()


@pytest.mark.parametrize(
    ("raw", "sender", "row"),
    [
        (answer(more=AUTOMATIC, subject="[#17] Where is my parcel?"), HELP, ("SUPPRESSED", "G8")),
        (answer(), "", ("SUPPRESSED", "G8")),
        (answer(more="X-Autoreply: yes"), HELP, ("SUPPRESSED", "G8")),
        (answer(), HELP, ("SUPPRESSED", "answered")),
        (answer(subject="[#17] Where is my parcel?"), HELP, ("SUPPRESSED", "answered")),
        (answer("agents@desk.example"), HELP, ("WAITING", "")),
        (answer("agents@desk.example", subject="[PROJ-17] parcel"), HELP, ("READY", "")),
        (answer("agents@desk.example", more=AUTOMATIC, subject="[#17] x"), HELP, ("READY", "")),
        (answer(refers="<other@x.example>", subject="[#17] x"), HELP, ("WAITING", "")),
    ],
)
def test_what_becomes_of_an_acknowledgement_that_waits(
    start: OpenOne, raw: bytes, sender: str, row: tuple[str, str]
) -> None:
    """The helpdesk's own acknowledgement takes its place (rule G8), and so does an answer."""
    office = start()
    acknowledge(office)
    goes_out(office, raw, sender)
    assert office.rows() == [row]


def test_after_a_while_it_goes_out_without_the_ticket(start: OpenOne) -> None:
    office = start()
    acknowledge(office)
    ((due, expires),) = office.query("SELECT due - created, expires - created FROM outbox")
    assert (due, expires) == (300.0, 300.0 + 1800.0)
    assert office.send_all() == []
    later = office.query("SELECT due FROM outbox")[0][0]
    (sent,) = office.send_all(later)
    assert sent["Subject"].endswith("Where is my parcel?")
    assert office.rows() == [("SENT", "")]


def test_the_ticket_comes_too_late_for_what_is_sent(start: OpenOne) -> None:
    office = start()
    acknowledge(office)
    office.send_all(office.query("SELECT due FROM outbox")[0][0])
    found = goes_out(office, answer("agents@desk.example", subject="[#17] Where is my parcel?"))
    assert found.fields["released"] == 0
    assert office.rows() == [("SENT", "")]


def test_two_acknowledgements_to_one_mail_are_a_warning(start: OpenOne) -> None:
    """Ours was sent, and the helpdesk's own is still switched on."""
    office = start(ONE_MAILBOX)
    acknowledge(office)
    office.send_all()
    found = goes_out(office, answer(more=AUTOMATIC))
    assert (found.level, found.fields["outcome"]) == ("warning", "double-ack")
    assert found.fields.keys() == {"event", "outcome", "suppressed", "released"}


def test_an_answer_is_no_second_acknowledgement(start: OpenOne) -> None:
    office = start(ONE_MAILBOX)
    acknowledge(office)
    office.send_all()
    found = goes_out(office, answer())
    assert (found.level, found.fields["outcome"]) == ("info", "answered")
    assert office.query("SELECT answered > 0, unanswered FROM conversation") == [(1, 0)]


def test_an_answer_that_comes_twice_counts_once(start: OpenOne) -> None:
    office = start(ONE_MAILBOX)
    acknowledge(office)
    taken = office.take(answer(), sender=HELP, client=HELPDESK)
    for _ in range(2):
        office.deliver(taken.copy())
    assert office.query("SELECT count(*) FROM mail WHERE way = 'out'") == [(1,)]


def test_the_hidden_recipient_of_an_answer_opens_no_conversation_of_its_own(
    start: OpenOne,
) -> None:
    office = start(ONE_MAILBOX)
    found = goes_out(office, answer(refers=""))
    assert (found.level, found.fields["outcome"]) == ("debug", "nothing")
    assert office.mails() == []


def test_the_customer_answers_the_answer(start: OpenOne) -> None:
    """It belongs to the conversation, whichever of its Message-IDs it names (rule G1)."""
    office = start(ONE_MAILBOX + NOT_NOW)
    acknowledge(office)
    goes_out(office, answer())
    reply = letter(
        message_id="<m2@customer.example>", subject="Re: Where is my parcel?",
        more="In-Reply-To: <a1@desk.example>",
    )  # fmt: skip
    assert office.take(reply).tags["X-Mailtriage-Ack-Rule"] == "g1"


# The parts.


@pytest.mark.parametrize(
    ("subject", "ticket"),
    [
        ("[desk.example #17] Where is my parcel?", "[desk.example #17]"),
        ("Re: [Ticket#2026112310000017] parcel", "[Ticket#2026112310000017]"),
        ("Re: [#4711] parcel", "[#4711]"),
        ("PROJ: [PROJ-17] parcel", "[PROJ-17]"),
        ("AW: [Kundendienst Süd #8] Paket", "[Kundendienst Süd #8]"),
        ("[External] parcel", ""),
        ("[#4711 parcel", ""),
        ("parcel #4711", ""),
        ("[a\r\n #17]", ""),
        (f"[{'x' * 61} #17]", ""),
        (f"[#{'1' * 21}]", ""),
        ("x" * 500 + "[#17]", ""),
        ("", ""),
    ],
)
def test_the_ticket_in_a_subject(subject: str, ticket: str) -> None:
    assert ticket_of(subject) == ticket


@pytest.mark.parametrize(
    ("helpdesk", "subject", "ticket"),
    [
        ("roundup", "[issue12] Where is my parcel?", "[issue12]"),
        ("django-helpdesk", "[billing-17] Where is my parcel? (Opened)", "[billing-17]"),
        ("faveo", "Ticket Created [#AAAA-0000-0001]", "[#AAAA-0000-0001]"),
        ("rt5", "[rt.example #17] AutoReply: Where?", "[rt.example #17]"),
        ("generic", "[issue12] Where is my parcel?", ""),
    ],
)
def test_its_profile_says_what_a_ticket_number_looks_like(
    helpdesk: str, subject: str, ticket: str
) -> None:
    profile = shipped_profile(helpdesk)
    assert profile is not None
    assert ticket_of(subject, profile) == ticket


def test_everybody_whom_a_mail_names_counts() -> None:
    raw = (
        b"From: help@desk.example\r\nTo: Joe <Joe@Customer.Example>, ann@desk.example\r\n"
        b"To: joe@customer.example\r\nCc: boss@customer.example\r\nBcc: x@y.example\r\n\r\nHi\r\n"
    )
    found = outbound_of(read_message(raw, envelope=Envelope(HELP)), bytes(16), 7.0)
    assert found.recipients == (JOE, "ann@desk.example", "boss@customer.example")
    assert (found.sent, found.automatic, found.ticket, found.message_id) == (7.0, False, "", "")


@pytest.mark.parametrize(
    ("raw", "sender", "automatic"),
    [
        (answer(), HELP, False),
        (answer(more=AUTOMATIC), HELP, True),
        (answer(more="Auto-Submitted: no"), HELP, False),
        (answer(more="Precedence: bulk"), HELP, True),
        (answer(more="X-Auto-Response-Suppress: All"), HELP, False),
        (answer(sender="noreply@desk.example"), HELP, True),
        (answer(), "", True),
    ],
)
def test_who_wrote_it(raw: bytes, sender: str, *, automatic: bool) -> None:
    mail = read_message(raw, envelope=Envelope(sender))
    assert outbound_of(mail, bytes(16), 0.0).automatic is automatic
