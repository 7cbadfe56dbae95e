"""[exempt]: mail that is left alone, but for forged fields; also when its analysis fails, and when
the milter was down."""

from functools import partial
from pathlib import Path

import pytest

from mailtriage.config import load
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import Policies
from mailtriage.service.log import AddressMask, mail_fields
from mailtriage.service.metrics_counting import of_mail
from mailtriage.service.metrics_names import MESSAGES
from mailtriage.tags.apply import header_names
from mailtriage.tags.model import Deletion, Status
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.model import Tier
from tests.support.office import CLIENT, HELP, JOE, letter, open_office

SALES, ARCHIVE = "sales@desk.example", "archive@desk.example"
TOML = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["192.0.2.0/24"]
[exempt]
networks = ["203.0.113.0/24"]
senders = ["@partner.example", "erp@desk.example"]
recipients = ["archive@desk.example"]
[mailboxes."help@desk.example"]
profile = "znuny"
[mailboxes."sales@desk.example"]
profile = "zammad"
"""
FORGED = "X-Mailtriage-Skill: sales\nX-OTRS-Queue: Boss\nX-Zammad-Ticket-Group: Boss"
PARTNER = Client("203.0.113.9")
MAIL = letter(more=FORGED)
FROM_PARTNER = MAIL.replace(b"From: Joe <joe@customer.example>", b"From: Ann <ANN@Partner.example>")


class Broken:
    """A customer list with a bug."""

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        raise RuntimeError("no")


@pytest.fixture
def analyst(tmp_path: Path) -> Analyst:
    """Its customer list is broken, so that a mail which is judged shows."""
    file = tmp_path / "mailtriage.toml"
    file.write_text(TOML, encoding="utf-8")
    return Analyst(load([file]).config, Matcher(Policies()), Broken())


def analyse(
    analyst: Analyst,
    raw: bytes = MAIL,
    sender: str = JOE,
    recipients: tuple[str, ...] = (HELP,),
    client: Client = CLIENT,
) -> Analysis:
    read = partial(read_message, raw, envelope=Envelope(sender, recipients), client=client)
    return analyst.analyse(read, header_names(raw))


EXEMPT = pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"client": PARTNER}, "network"),
        ({"sender": "bounces+x@partner.example"}, "sender"),
        ({"raw": FROM_PARTNER}, "sender"),
        ({"sender": "", "client": PARTNER}, "network"),
        ({"recipients": (ARCHIVE,)}, "recipient"),
        ({"recipients": (ARCHIVE, "archive+2@desk.example")}, "recipient"),
    ],
)


@EXEMPT
def test_an_exempt_mail_only_loses_forged_fields(
    analyst: Analyst, changes: dict[str, object], why: str
) -> None:
    found = analyse(analyst, **changes)  # type: ignore[arg-type] # names of fields
    assert (found.exempt, found.status, found.detail) == (why, Status.OK, "")
    assert (found.edits.insert, found.edits.recipient, found.edits.reroute) == ((), "", ())
    gone = {deletion.name for deletion in found.edits.delete}
    to_nobody = changes.get("recipients", (HELP,)) != (HELP,)
    assert gone == {"x-mailtriage-skill"} | (set() if to_nobody else {"x-otrs-queue"})


@EXEMPT
def test_so_does_one_whose_analysis_failed(
    analyst: Analyst, changes: dict[str, object], why: str
) -> None:
    given = {"raw": MAIL, "sender": JOE, "recipients": (HELP,), "client": CLIENT} | changes
    raw, sender, recipients, client = given.values()
    assert isinstance(raw, bytes)
    fields = [(header.name, header.raw) for header in read_message(raw).headers]
    found = analyst.pass_on(
        header_names(raw),
        fields,
        b"",
        Envelope(sender, recipients),
        client,
        "4W",
        Status.ERROR,
        "x",
    )
    assert (found.exempt, found.status, found.edits.insert) == (why, Status.ERROR, ())
    assert found.edits.recipient == ""
    assert Deletion("x-mailtriage-skill", 1) in found.edits.delete


def test_fields_of_every_helpdesk_that_gets_it_are_stripped(analyst: Analyst) -> None:
    found = analyse(analyst, client=PARTNER, recipients=(HELP, SALES))
    gone = {deletion.name for deletion in found.edits.delete}
    assert gone == {"x-mailtriage-skill", "x-otrs-queue", "x-zammad-ticket-group"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recipients": (ARCHIVE, HELP)},
        {"sender": "joe@partner.example.evil.example"},
        {"client": Client("203.0.114.1")},
    ],
)
def test_all_others_are_judged(analyst: Analyst, changes: dict[str, object]) -> None:
    found = analyse(analyst, **changes)  # type: ignore[arg-type] # names of fields
    assert (found.exempt, found.status) == ("", Status.ERROR)
    assert found.edits.recipient


def test_mail_of_our_own_is_outbound_and_not_exempt(analyst: Analyst) -> None:
    """Otherwise answers of the helpdesk would go unseen."""
    ours = letter(sender="erp@desk.example", more="References: <m1@customer.example>")
    found = analyse(analyst, ours, "erp@desk.example", (JOE,), Client("192.0.2.4"))
    assert found.exempt == ""


def test_it_is_counted_as_skipped_and_the_log_says_why(analyst: Analyst) -> None:
    found = analyse(analyst, client=PARTNER)
    assert list(of_mail(found, {})) == [(MESSAGES, ("inbound", "skipped"))]
    line = mail_fields(found, "4Wx0", JOE, (HELP,), AddressMask("hashed", None))
    assert line["exempt"] == "network"
    assert "skill" not in line
    passed = analyst.pass_on((), (), b"", Envelope(JOE), PARTNER, "4W", Status.ERROR, "x")
    assert list(of_mail(passed, {})) == [(MESSAGES, ("inbound", "skipped"))]


# The sweeper tells the desk of every mail.


@pytest.mark.parametrize("tagged", [True, False], ids=["milter up", "milter down"])
def test_the_desk_acknowledges_no_exempt_mail(tmp_path: Path, *, tagged: bool) -> None:
    with open_office(tmp_path, TOML, FixedCustomers({})) as office:
        for number, taken in enumerate(
            [
                office.take(letter(message_id="<1@c.example>"), client=PARTNER),
                office.take(letter(message_id="<2@c.example>"), sender="x@partner.example"),
                office.take(letter(message_id="<3@c.example>", sender="x@partner.example")),
            ]
        ):
            assert taken.hidden == ""
            copy = taken.swept(office.sweeper(), tagged=tagged)
            assert office.outcome(copy) == "nothing", number
        other = office.take(letter(message_id="<4@c.example>"))
        assert office.outcome(other.swept(office.sweeper(), tagged=tagged)) == "owed"
