"""Roundup behind real Postfix and mailtriage: pipe(8), `mailtriage pipe`, roundup-mailgw, SQLite.

The tracker has the template "classic", and the settings and interfaces.py of
config/helpdesks/roundup/README.md.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from itertools import count
from pathlib import Path

import pytest

from tests.helpdesks.finished import GERMAN, HIGH, LOW, NORMAL, URGENT, finished, letter
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.roundup import PRODUCT, SETTINGS
from tests.support.pipe_relay import PipeRelay
from tests.support.replies import answer
from tests.support.roundup import Issue, Roundup
from tests.support.serve import wait_for
from tests.support.site import Customer, Site, running_site, why_not

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "Postfix is here"),
]

KEYWORDS = ("billing", "rechnung", "support")
MAILBOX = f'profile = "roundup"\n{SETTINGS}'


@dataclass(frozen=True, slots=True)
class Helpdesk:
    """A site whose service mailbox is a tracker."""

    site: Site
    roundup: Roundup

    def issue(self, message_id: str) -> Issue:
        """The one issue with this mail, waited for."""
        self.site.settle()
        return self.roundup.issue(message_id)

    def write(self, raw: bytes = b"", **words: str) -> Customer:
        """A new customer's mail, with subject and text of a letter."""
        customer = self.site.customer()
        if raw:
            mail = message_from_bytes(raw)
            words = {"subject": str(mail["Subject"]), "body": str(mail.get_payload())} | words
        self.site.write(customer, customer.mail(**words))
        return customer

    def from_customer(self, raw: bytes = b"", **words: str) -> tuple[Customer, Issue]:
        """The same, and the issue that came of it."""
        customer = self.write(raw, **words)
        return customer, self.issue(customer.message_id)


@pytest.fixture(scope="module")
def desk() -> Iterator[Helpdesk]:
    """For all tests of this file."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    directory.chmod(0o755)
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory, ignore_errors=True)
        services = {"bare": {"smtpd_milters": ""}}
        site = running.enter_context(running_site(toml=MAILBOX, services=services))
        relay = running.enter_context(PipeRelay(directory))
        roundup = Roundup(directory / "roundup", port=site.postfix.ports["mx"])
        roundup.add_keyword(*KEYWORDS)
        roundup.add_agent("ann", "ann@desk.example")
        roundup.deliver_from(site, relay)
        yield Helpdesk(site, roundup)


@pytest.fixture(autouse=True)
def guarded(desk: Helpdesk, request: pytest.FixtureRequest) -> Iterator[None]:
    """What was logged is shown when something fails."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        site = desk.site
        print(site.service.log(), site.postfix.log()[-8000:], desk.roundup.log(), sep="\n")


def test_priority_and_keyword_are_set(desk: Helpdesk) -> None:
    expected = {}
    for raw, priority, keyword in (
        (URGENT, "critical", "support"),
        (HIGH, "urgent", "support"),
        (NORMAL, "bug", "billing"),
        (GERMAN, "bug", "rechnung"),
        (LOW, "wish", "support"),
    ):
        expected[desk.write(raw).message_id] = (priority, (keyword,))
    desk.site.settle()
    issues = {name: issue for issue in desk.roundup.issues() for name in issue.mails}
    found = {name: (issues[name].priority, issues[name].keywords) for name in expected}
    assert found == expected


def test_the_customer_gets_one_acknowledgement_and_it_is_ours(desk: Helpdesk) -> None:
    customer, _ = desk.from_customer()
    (mail,) = desk.site.world.to(customer.address)
    assert [mail] == desk.site.acks_to(customer.address)


def test_the_answer_to_it_lands_in_the_same_issue_and_changes_nothing(desk: Helpdesk) -> None:
    customer, issue = desk.from_customer(NORMAL)
    ack = desk.site.wait_for_ack(customer.address)
    desk.roundup.change(issue.number, priority="wish", keyword="support")
    number = 1000 + customer.number
    desk.site.write(customer, answer(customer, ack, number))
    after = desk.issue(f"<r{number}@{customer.domain}>")
    assert after.number == issue.number
    assert (after.priority, after.keywords) == ("wish", ("support",)), "what the agent has set"
    assert len(desk.site.world.to(customer.address)) == 1, "and nothing more is sent"


def test_the_answer_to_an_agent_finds_its_issue_by_the_number_alone(desk: Helpdesk) -> None:
    customer, issue = desk.from_customer()
    desk.site.wait_for_ack(customer.address)
    agents = (
        f"From: Ann <ann@desk.example>\nTo: help@desk.example\nSubject: Re: [issue{issue.number}] x\n"
        f"Message-ID: <a{issue.number}@desk.example>\n\nIt is on its way.\n"
    )
    assert desk.roundup.mailgw(agents.encode()) == 0
    desk.site.settle()
    told = desk.site.world.to(customer.address)[-1]
    assert f"[issue{issue.number}]" in str(message_from_bytes(told.content)["Subject"])
    number = 2000 + customer.number
    desk.site.write(customer, answer(customer, told, number, threads=False))
    assert desk.issue(f"<r{number}@{customer.domain}>").number == issue.number
    assert len(desk.site.acks_to(customer.address)) == 1, "a follow-up is not acknowledged"


def test_no_robot_is_answered(desk: Helpdesk) -> None:
    """Those that Roundup knows, too, it drops: no issue comes of them."""
    robots = {}
    for header, filed in (
        ("Auto-Submitted: auto-replied\n", False),
        ("Precedence: bulk\n", False),
        ("List-Id: <news.shop.example>\n", True),
        ("X-Autoreply: yes\n", True),
    ):
        customer = desk.site.customer()
        desk.site.write(customer, customer.mail(header=header))
        robots[customer] = filed
    desk.site.settle()
    mails = [mail for issue in desk.roundup.issues() for mail in issue.mails]
    for customer, filed in robots.items():
        assert (customer.message_id in mails) == filed
        assert desk.site.world.to(customer.address) == []


@pytest.mark.parametrize("service", ["mx", "bare"], ids=["", "milter-down"])
def test_nobody_else_sets_priority_and_keyword(desk: Helpdesk, service: str) -> None:
    """Not by fields like ours, with or without the milter, and not by the subject."""
    customer = desk.site.customer()
    forged = customer.mail(
        subject="Where is my parcel? [priority=critical;keyword=billing]",
        header="X-Mailtriage-Priority: urgent\nX-Mailtriage-Skill: billing\n"
        "X-Mailtriage-Route: billing-de\nX-Mailtriage-Seal: v=1; k=abc; s=def\n",
    )
    desk.site.write(customer, forged, service=service)
    issue = desk.issue(customer.message_id)
    assert issue.title.endswith("[priority=critical;keyword=billing]")
    # A mail that mailtriage has not seen counts as an ordinary one of no skill.
    assert (issue.priority, issue.keywords) == ("bug", ("support",))


def test_mail_waits_while_the_database_is_away(desk: Helpdesk) -> None:
    customer = desk.site.customer()
    database = desk.roundup.home / "db"
    away = database.rename(database.with_name("away"))
    try:
        database.write_text("no directory")
        desk.site.write(customer)
        wait_for(lambda: "status=deferred" in desk.site.postfix.log(), "Postfix to keep it")
    finally:
        database.unlink()
        away.rename(database)
    desk.site.run("postqueue", "-f")
    assert desk.issue(customer.message_id).keywords == ("support",)
    assert len(desk.site.world.to(customer.address)) == 1, "the acknowledgement, and no error"


def test_a_word_that_the_tracker_lacks_costs_no_mail(desk: Helpdesk) -> None:
    raw = letter(subject="Help", message_id="<unknown-word@customer.example>")
    options = ("-S", "issue.priority=soon", "-S", "issue.keyword=billing")
    assert desk.roundup.mailgw(raw, *options) == 0
    issue = desk.roundup.issue("<unknown-word@customer.example>")
    assert (issue.title, issue.priority, issue.keywords) == ("Help", "", ("billing",))
    assert "left out, as the tracker refuses it: priority=soon" in desk.roundup.log()


# Without what we ship, and what is re-stated of it.


@contextmanager
def tracker(*, shipped: bool) -> Iterator[Roundup]:
    """One that sends nothing."""
    directory = Path(tempfile.mkdtemp(prefix="mt-"))
    try:
        roundup = Roundup(directory / "roundup", port=1, shipped=shipped)
        roundup.add_keyword(*KEYWORDS)
        roundup.add_agent("joe", "joe@customer.example")
        yield roundup
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def silent() -> Iterator[Roundup]:
    """Such a one with our files."""
    with tracker(shipped=True) as roundup:
        yield roundup


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """Where its mail is instead."""
    return tmp_path / "sent"


def test_without_our_files_customers_get_such_mail_back(sent: Path) -> None:
    complaints = {
        "Help": "Mail Gateway Help",
        "": "must include a Subject",
        "My order [order 12]": "problems handling your subject line",
        "[shop] My order": "properly formed subject",
        "[status] My order": "not permitted to create status",
    }
    with tracker(shipped=False) as roundup:
        assert roundup.mailgw(letter(subject="[query] My order"), sends_to=sent) == 0
        assert not sent.exists(), "nobody hears of this one"
        roundup.mailgw_mailbox([letter(subject=each) for each in complaints], sends_to=sent)
        assert roundup.mailgw(letter(), "-S", "issue.priority=soon", sends_to=sent) == 0
        back = sent.read_text()
        for complaint in (*complaints.values(), "is not a priority"):
            assert complaint in back
        assert back.count("TO: joe@customer.example") == len(complaints) + 1
        assert roundup.issues() == []


def test_the_rules_that_are_restated_are_those_of_roundup(silent: Roundup, sent: Path) -> None:
    first = finished("roundup", NORMAL, SETTINGS)
    reply = "In-Reply-To: <m1@customer.example>"
    ids = (f"<n{number}@customer.example>" for number in count(1))
    options = ("-S", "issue.priority=bug", "-S", "issue.keyword=billing")
    assert silent.mailgw(first, *options, sends_to=sent) == 0
    issue = silent.issue("<m1@customer.example>")
    ticket = Ticket(first, issue.number, "joe@customer.example")
    taken = PRODUCT.take(first, "help@desk.example")
    assert (taken.priority, taken.queue) == (issue.priority, *issue.keywords)
    mails = {}
    for more, subject in (
        (reply, "Anything"),
        ("In-Reply-To: <M1@CUSTOMER.example>", "Anything"),
        ("In-Reply-To: <m2@customer.example>", "Anything"),
        ("References: <m1@customer.example>", "Re: Invoice for October"),
        ("", f"Re: [issue{issue.number}] Invoice"),
        ("", f"AW: Fwd: x [ ISSUE {issue.number} ] Invoice"),
        (reply, f"[msg{issue.number}] Invoice"),
        ("", "Re: [query] Invoice"),
        ("", "[user 1] Invoice [order 12]"),
        ("", "[issue99] Invoice"),
        ("X-Roundup-Loop: x\n" + reply, "Anything"),
        ("Precedence: bulk\n" + reply, "Anything"),
        ("Precedence: Bulk\n" + reply, "Anything"),
        ("Auto-Submitted: No\n" + reply, "Anything"),
        ("Auto-Submitted: auto-replied\n" + reply, "Anything"),
        (reply, "Re: autoreply"),
        (reply, "autoreply"),
    ):
        message_id = next(ids)
        mails[message_id] = letter(subject=subject, message_id=message_id, more=more)
    silent.mailgw_mailbox(mails.values(), sends_to=sent)
    filed = {name: issue.number for issue in silent.issues() for name in issue.mails}
    for message_id, mail in mails.items():
        number = filed.get(message_id)
        assert (number is not None) == PRODUCT.take(mail, "help@desk.example").accepted, mail
        assert (number == issue.number) == PRODUCT.joins(mail, ticket), mail


def test_with_other_settings_a_stranger_writes_to_another_customer(
    silent: Roundup, sent: Path
) -> None:
    order = letter(subject="Order", message_id="<order@customer.example>")
    stranger = letter(subject="Re: Order", message_id="<stranger@other.example>").replace(
        b"From: Joe <joe@customer.example>", b"From: Eve <eve@other.example>"
    )
    silent.configure({"mailgw": {"subject_content_match": "always"}})
    silent.mailgw_mailbox([order, stranger], sends_to=sent)
    assert "<stranger@other.example>" in silent.issue("<order@customer.example>").mails
    assert "TO: joe@customer.example" in sent.read_text()
    silent.configure({"mailgw": {"subject_content_match": "never"}})


def test_its_own_answer_is_as_restated(silent: Roundup, sent: Path) -> None:
    silent.configure({"nosy": {"messages_to_author": "new"}})
    options = ("-S", "issue.priority=bug")
    raw = NORMAL.replace(b"<m1@", b"<own@")
    assert silent.mailgw(raw, *options, sends_to=sent) == 0
    text = sent.read_text()
    real = message_from_bytes(text[text.index("TO: ") :].partition("\n")[2].encode())
    number = silent.issue("<own@customer.example>").number
    assert PRODUCT.own_reply is not None
    restated = message_from_bytes(PRODUCT.own_reply(Ticket(raw, number, "joe@customer.example")))
    for name in ("Message-Id", "Subject", "To", "Precedence", "X-Roundup-Loop", "Auto-Submitted"):
        assert real[name] == restated[name], name
