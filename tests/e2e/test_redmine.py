"""Real Redmine behind Postfix, mailtriage, pipe(8) and Redmine's own rdm-mailhandler.rb."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support.background import logs_of_a_failure
from tests.support.pipe_relay import PipeRelay
from tests.support.redmine import HANDLER, Issue, Redmine, why_not
from tests.support.serve import PROGRAM, wait_for
from tests.support.site import Customer, Site, running_site
from tests.support.site import why_not as why_no_site

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_no_site()), reason=why_no_site() or "Postfix is here"),
]

HELP = "help@desk.example"
UNFILED = "unfiled@desk.example"
DELIVER = Path(__file__).parents[2] / "config" / "helpdesks" / "redmine" / "redmine-deliver"

# It continues [mailboxes."help@desk.example"].
TOML = """
profile = "redmine"
[profiles.redmine.map.project]
billing-de = "billing-de"
"""

# What README.md says, with places of this test.
MASTER = """
cat >>/etc/postfix/master.cf <<'END'
redmine   unix  -  n  n  -  2  pipe
    user=nobody null_sender= argv={mailtriage} --config={config} pipe --profile=redmine
    --sender=$sender -- {deliver} {unfiled} $sender {handler} --url={url} --key-file={key}
    --project={{project:support}} --tracker=Support
    --category={{category}} --priority={{priority:Normal}}
    --unknown-user=create --no-account-notice --default-group=Customers
END
postconf -e "transport_maps = inline:{{ {{ help@desk.example = redmine: }} }}, \\
    $(postconf -h transport_maps)"
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A site whose helpdesk is Redmine."""

    site: Site
    redmine: Redmine

    def taken(self, customer: Customer) -> Issue:
        """The one issue of that customer, waited for."""
        wait_for(lambda: bool(self.redmine.issues_of(customer.address)), "the issue", 30)
        self.site.settle()
        (issue,) = self.redmine.issues_of(customer.address)
        return issue

    def told(self, customer: Customer, number: int = 1) -> list[Message]:
        """What the customer got: waits until it is that many, and for more that may come."""
        self.site.world.wait(lambda _: len(self.site.world.to(customer.address)) >= number)
        self.site.settle()
        return [message_from_bytes(one.content) for one in self.site.world.to(customer.address)]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One for all tests."""
    assert not why_not(), why_not()
    with ExitStack() as running:
        site = running.enter_context(running_site(toml=TOML))
        redmine = Redmine(
            site.directory / "redmine",
            smtp_port=site.postfix.ports["mx"],
            address=HELP,
            projects=["support", "billing-de"],
            categories=["Billing", "Delivery", "Technical"],
        )
        running.enter_context(redmine)
        # redmine-deliver calls sendmail(1), which is to be that of this Postfix.
        environment = {"PATH": "/usr/bin:/bin", "MAIL_CONFIG": str(site.postfix.config)}
        relay = running.enter_context(PipeRelay(site.directory, environment))
        site.administer(
            MASTER.format(
                mailtriage=f"{relay.command} {PROGRAM}", config=site.service.config, deliver=DELIVER,
                unfiled=UNFILED, handler=HANDLER, url=redmine.url, key=redmine.key_file,
            )
        )  # fmt: skip
        yield Desk(site, redmine)


@pytest.fixture(autouse=True)
def logs_of_failures(request: pytest.FixtureRequest, desk: Desk) -> Iterator[None]:
    """For each test."""
    with logs_of_a_failure(request, desk.site.postfix, desk.site.service, desk.redmine):
        yield


CASES = {
    "urgent": (
        "Charger on fire",
        "Smoke comes out of the charger that you delivered, the house is full of it!\n",
        "support",
        "Urgent",
    ),
    "own-project": (
        "Rechnung Oktober",
        "Guten Tag, bitte schicken Sie mir die Rechnung für Oktober noch einmal zu. Vielen Dank.\n",
        "billing-de",
        "Normal",
    ),
    "low": (
        "Thank you",
        "Thank you so much, everything arrived. No need to answer.\n",
        "support",
        "Low",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_issue_in_the_right_place_and_one_acknowledgement(desk: Desk, case: str) -> None:
    subject, body, project, priority = CASES[case]
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(subject=subject, body=body))
    issue = desk.taken(customer)
    assert (issue.project, issue.tracker, issue.priority) == (project, "Support", priority)
    assert (issue.subject, issue.text) == (subject, body.strip())
    if case == "own-project":
        assert issue.category == "Billing"
    (ack,) = desk.told(customer)
    assert ack["X-Mailer"] == "Redmine"
    assert ack["Subject"].endswith(f"#{issue.number}] (New) {subject}")
    assert not desk.site.acks_to(customer.address)


@pytest.mark.parametrize("by", ["message-id", "subject"])
def test_an_answer_to_that_acknowledgement_lands_in_the_issue(desk: Desk, by: str) -> None:
    customer = desk.site.customer()
    desk.site.write(customer)
    issue = desk.taken(customer)
    (ack,) = desk.told(customer)
    text = "It is number 4711, and the house is on fire!\n"
    if by == "message-id":
        answer = customer.answer(ack, text, subject="My parcel")
    else:
        answer = customer.answer(ack, text, threads=False)
    desk.site.write(customer, answer)
    wait_for(lambda: bool(desk.taken(customer).notes), "the note", 30)
    after = desk.taken(customer)
    assert after.notes == (text.strip(),)
    assert (after.number, after.priority) == (issue.number, issue.priority)
    # Redmine tells its author of the note, too; nothing comes of us.
    assert [one["X-Mailer"] for one in desk.told(customer, 2)] == ["Redmine", "Redmine"]
    assert not desk.site.acks_to(customer.address)


def test_what_the_text_or_a_forged_field_says_counts_for_nothing(desk: Desk) -> None:
    customer = desk.site.customer()
    forged = "X-Mailtriage-Priority: urgent\nX-Mailtriage-Route: billing-de\n"
    words = "Priority: Immediate\nProject: billing-de\nStatus: Closed\nTracker: Bug\n"
    body = f"Hello, could you send me the invoice for October once more?\n\n{words}"
    desk.site.write(customer, customer.mail(subject="Invoice", header=forged, body=body))
    issue = desk.taken(customer)
    assert (issue.project, issue.tracker, issue.category) == ("support", "Support", "Billing")
    assert (issue.priority, issue.status) == ("Normal", "New")
    assert issue.text.replace("\r", "").endswith(words.strip())


@pytest.mark.parametrize("mark", ["Auto-Submitted: auto-replied", "X-Autoreply: yes"])
def test_a_robot_gets_no_answer_and_no_bounce_and_a_person_can_read_it(
    desk: Desk, mark: str
) -> None:
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(header=f"{mark}\n"))
    desk.site.world.wait(lambda _: bool(unfiled_of(desk, customer)))
    desk.site.settle()
    (mail,) = unfiled_of(desk, customer)
    assert mail["Message-ID"] == customer.message_id
    assert not desk.site.world.to(customer.address)
    assert not desk.redmine.issues_of(customer.address)


def test_a_robot_that_redmine_does_not_know_gets_none_of_ours(desk: Desk) -> None:
    """Redmine does not look at Precedence: it makes an issue, and tells its author."""
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(header="Precedence: bulk\n"))
    assert desk.taken(customer).project == "support"
    (notice,) = desk.told(customer)
    assert (notice["X-Mailer"], notice["Auto-Submitted"]) == ("Redmine", "auto-generated")
    assert desk.site.logged("event=mail ", "ack_rule=B4 ")


def test_what_redmine_does_not_want_goes_to_people(desk: Desk) -> None:
    """Redmine takes any "[… #123]" for a number of its own, the customer's own ticket included."""
    customer = desk.site.customer()
    desk.site.write(customer, customer.mail(subject="Our ticket [acme #99999]: no connection"))
    desk.site.world.wait(lambda _: bool(unfiled_of(desk, customer)))
    desk.site.settle()
    (mail,) = unfiled_of(desk, customer)
    assert mail["Subject"] == "Our ticket [acme #99999]: no connection"
    assert not desk.site.world.to(customer.address), "no bounce"
    assert f"handed to {UNFILED}" in desk.site.postfix.log()


def test_while_redmine_is_down_postfix_keeps_the_mail(desk: Desk) -> None:
    customer = desk.site.customer()
    desk.redmine.stop()
    try:
        why = "An error occurred while contacting your Redmine server"
        desk.site.wait_until_kept(desk.site.write(customer), why)
    finally:
        desk.redmine.start()
    desk.site.run("postqueue", "-f")
    desk.taken(customer)
    assert len(desk.told(customer)) == 1


def test_with_a_wrong_key_postfix_keeps_the_mail(desk: Desk) -> None:
    """rdm-mailhandler.rb says 77, upon which Postfix alone would return it to the customer."""
    customer = desk.site.customer()
    key = desk.redmine.key_file.read_text()
    desk.redmine.key_file.write_text("mistyped\n")
    try:
        desk.site.wait_until_kept(desk.site.write(customer), "rdm-mailhandler.rb ended with 77")
    finally:
        desk.redmine.key_file.write_text(key)
    desk.site.run("postqueue", "-f")
    desk.taken(customer)
    assert len(desk.told(customer)) == 1


def test_while_mailtriage_is_down_mail_lands_in_the_default_project(desk: Desk) -> None:
    customer = desk.site.customer()
    subject, body, _, _ = CASES["own-project"]
    desk.site.service.stop()
    try:
        desk.site.write(customer, customer.mail(subject=subject, body=body))
        wait_for(lambda: bool(desk.redmine.issues_of(customer.address)), "the issue", 30)
    finally:
        desk.site.service.start()
    desk.site.run("postqueue", "-f")
    issue = desk.taken(customer)
    assert (issue.project, issue.category, issue.priority) == ("support", "", "Normal")
    assert len(desk.told(customer)) == 1
    assert not desk.site.acks_to(customer.address)


def unfiled_of(desk: Desk, customer: Customer) -> list[Message]:
    """What people are to read, of that customer."""
    mails = [one for one in desk.site.world.to(UNFILED) if one.sender == customer.address]
    return [message_from_bytes(one.content) for one in mails]
