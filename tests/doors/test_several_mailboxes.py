"""One mail to several mailboxes of different settings: one of them decides, whatever the order.

The first in To:, then the first in Cc:, then the first in the envelope; before the others go those
that acknowledge, and those that are named and not caught.
"""

from functools import partial
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.tags.apply import header_names
from mailtriage.tags.model import Status
from mailtriage.tags.vocabulary import DRY_RUN
from mailtriage.triage.customer import FixedCustomers
from tests.support.office import JOE, letter

HELP, SALES, OFF, CAUGHT = (
    "help@desk.example", "sales@desk.example", "off@desk.example", "qzx@catch.example",
)  # fmt: skip
TOML = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[mailboxes."help@desk.example"]
profile = "znuny"
skills = ["billing"]
aliases = ["support@desk.example"]
route = "recipient"
[mailboxes."help@desk.example".routes]
billing = "billing@desk.example"
[mailboxes."sales@desk.example"]
profile = "zammad"
skills = ["sales"]
ack = "delegate"
dry_run = {dry}
[mailboxes."off@desk.example"]
ack = "off"
[mailboxes."*@catch.example"]
"""
POLICY = 'skill = "{0}"\nsignal = [{{ id = "{0}-word", weight = 3, words.any = ["{0}"] }}]\n'
BODY = "Hello, we have one question about billing and another one about sales.\n"
FORGED = "X-OTRS-Queue: Boss\nX-Zammad-Ticket-Group: Boss"


def analyst_of(directory: Path, *, dry: bool = False) -> Analyst:
    file, folder = directory / "mailtriage.toml", directory / "policies"
    file.write_text(TOML.format(dry=str(dry).lower()), encoding="utf-8")
    folder.mkdir(exist_ok=True)
    for name in ("billing", "sales"):
        (folder / f"{name}.toml").write_text(POLICY.format(name))
    matcher = Matcher(load_policies([folder])[0])
    tokens = Tokens(b"a secret of the tests, 32 bytes and more")
    return Analyst(load([file]).config, matcher, FixedCustomers({}), tokens)


def analyse(analyst: Analyst, to: str, cc: str, *recipients: str) -> Analysis:
    raw = letter(BODY, to=to, more=f"{FORGED}\n" + (f"Cc: {cc}" if cc else ""))
    envelope = Envelope(JOE, recipients)
    read = partial(read_message, raw, envelope=envelope, client=Client("198.51.100.7"))
    return analyst.analyse(read, header_names(raw))


DECIDED = [
    ("the first in To", f"{HELP}, {SALES}", "", (SALES, HELP), HELP),
    ("the other one first", f"{SALES}, {HELP}", "", (HELP, SALES), SALES),
    ("by an alias", f"support@desk.example, {SALES}", "", (SALES, "support@desk.example"), HELP),
    ("with a detail", f"Help <HELP+x@desk.example>, {SALES}", "", (SALES, "help+x@desk.example"), HELP),
    ("To before Cc", SALES, HELP, (HELP, SALES), SALES),
    ("Cc before Bcc", JOE, SALES, (HELP, SALES), SALES),
    ("the first in Cc", JOE, f"{SALES}, {HELP}", (HELP, SALES), SALES),
    ("in Bcc, the first in the envelope", JOE, "", (SALES, HELP), SALES),
    ("in Bcc, the other way round", JOE, "", (HELP, SALES), HELP),
    ("named without being a recipient", f"{SALES}, {HELP}", "", (HELP,), HELP),
    ("one that does not acknowledge comes last", f"{OFF}, {SALES}", "", (OFF, SALES), SALES),
    ("one that is caught comes last", f"{CAUGHT}, {HELP}", "", (CAUGHT, HELP), HELP),
]  # fmt: skip
EACH = pytest.mark.parametrize(
    ("to", "cc", "recipients", "decides"),
    [case[1:] for case in DECIDED],
    ids=[case[0] for case in DECIDED],
)


@pytest.mark.parametrize("dry", [False, True], ids=["live", "sales in dry run"])
@EACH
def test_all_settings_are_those_of_the_mailbox_that_decides(
    tmp_path: Path, to: str, cc: str, recipients: tuple[str, ...], decides: str, *, dry: bool
) -> None:
    found = analyse(analyst_of(tmp_path, dry=dry), to, cc, *recipients)
    fields = dict(found.edits.insert)
    assert found.plan is not None
    assert found.plan.case.mailbox is not None
    assert found.plan.case.mailbox.address == decides
    assert found.triage.skill == ("billing" if decides == HELP else "sales")
    if decides == SALES and dry:
        assert list(fields) == [DRY_RUN]
        assert found.edits.recipient == ""
        return
    assert DRY_RUN not in fields
    assert ("X-OTRS-SenderType" in fields or "X-OTRS-Priority" in fields) is (decides == HELP)
    assert any(name.startswith("X-Zammad-") for name in fields) is (decides == SALES)
    if found.plan.verdict.rule == "":
        assert fields["X-Mailtriage-Ack"] == ("sent" if decides == HELP else "delegated")


@EACH
def test_fields_of_every_mailbox_are_stripped(
    tmp_path: Path, to: str, cc: str, recipients: tuple[str, ...], decides: str
) -> None:
    gone = {one.name for one in analyse(analyst_of(tmp_path), to, cc, *recipients).edits.delete}
    helped = any(one.startswith(("help", "support")) for one in recipients)
    assert ("x-otrs-queue" in gone, "x-zammad-ticket-group" in gone) == (
        helped,
        SALES in recipients,
    )


@EACH
def test_a_mail_that_passes_unread_goes_by_the_same_rule(
    tmp_path: Path, to: str, cc: str, recipients: tuple[str, ...], decides: str
) -> None:
    analyst = analyst_of(tmp_path, dry=True)
    raw = letter(BODY, to=to, more=f"Cc: {cc}" if cc else "")
    fields = [(header.name, header.raw) for header in read_message(raw).headers]
    found = analyst.pass_on(
        header_names(raw),
        fields,
        BODY.encode(),
        Envelope(JOE, recipients),
        Client("198.51.100.7"),
        "4Wx0",
        Status.TIMEOUT,
        "TimeoutError",
    )
    names = {name for name, _ in found.edits.insert}
    assert (tuple(names) == (DRY_RUN,)) is (decides == SALES)
    assert ("X-OTRS-Loop" in names) is (decides == HELP), "silenced where we acknowledge"


def test_the_route_of_each_recipient_is_its_own(tmp_path: Path) -> None:
    """Who decides says what is answered for; where mail goes each mailbox says for itself."""
    analyst = analyst_of(tmp_path)
    for_help = analyse(analyst, f"{HELP}, {SALES}", "", SALES, HELP)
    assert [(one.old, one.new) for one in for_help.edits.reroute] == [
        (HELP, "billing@desk.example")
    ]
    for_sales = analyse(analyst, f"{SALES}, {HELP}", "", HELP, SALES)
    assert for_sales.edits.reroute == (), "its skill is sales, which has no route"
