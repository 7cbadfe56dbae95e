"""Postfix, mailtriage and Dovecot with the Sieve scripts that we ship: mails land where they belong.

Four mailboxes get each mail, and each has another of the scripts as its sieve_before.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email import message_from_bytes
from itertools import count
from pathlib import Path

import pytest

from mailtriage.shipped import shipped_directory
from tests.support import dovecot
from tests.support.background import logs_of_a_failure, open_directory
from tests.support.dovecot import INBOX, Dovecot, Owner, Stored
from tests.support.mails import FORGED, LETTERS, Letter, letter, with_header
from tests.support.site import Customer, Site, running_site, why_not

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        bool(why_not() or dovecot.why_not()),
        reason=why_not() or dovecot.why_not() or "all of it is here",
    ),
]

SCRIPTS = shipped_directory("config") / "helpdesks" / "sieve"

# Each mailbox, and the script that files its mail.
HELP = "help@desk.example"
BY_SKILL = "skill@desk.example"
BY_LANGUAGE = "language@desk.example"
BY_PRIORITY = "priority@desk.example"
FILED = {
    HELP: "mailtriage.sieve",
    BY_SKILL: "by-skill.sieve",
    BY_LANGUAGE: "by-language.sieve",
    BY_PRIORITY: "by-priority.sieve",
}
PLAIN = "plain@desk.example"
"""Has no script of ours, and a vacation program."""

AFTER = "after@desk.example"
"""Files some mail by a script of its own, and the rest by ours: sieve_after."""
OF_ITS_OWN = 'require "fileinto";\nif header :is "Subject" "Private" { fileinto "INBOX"; }\n'
DELEGATE = "delegate@desk.example"
"""Its server acknowledges."""
AWAY = 'require "vacation";\nvacation :days 1 "I am on holiday.";\n'


TOML = f"""profile = "sieve"
[mailboxes."{DELEGATE}"]
profile = "sieve"
ack = "delegate"
"""

URGENT = letter(
    "en", "technical", "Charger on fire",
    "Hello,", "smoke comes out of the charger that you delivered, the house is full of it!", "Kim",
)  # fmt: skip
NEWSLETTER = with_header(
    letter("en", "sales", "News", "News of this week: all shoes are cheap.").raw,
    b"List-Id: <news.shop.example>\nPrecedence: bulk\n",
)


@dataclass(frozen=True, slots=True)
class Office:
    """The site, and the mailboxes behind it."""

    site: Site
    dovecot: Dovecot
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def receive(
        self, content: bytes, *recipients: str, service: str = "mx", client: str = "203.0.113.7"
    ) -> dict[str, Stored]:
        """Send a mail; where each recipient finds it."""
        message_id = f"<d{next(self.numbers)}@customer.example>"
        recipients = recipients or tuple(FILED)
        content = f"Message-ID: {message_id}\n".encode() + content
        with self.site.connect(client, service) as session:
            assert session.mail(content, *recipients).code == 250
        self.site.settle()
        found = {}
        for recipient in recipients:
            line = f"Message-ID: {message_id}".encode()
            (found[recipient],) = [
                mail for mail in self.dovecot.mails(recipient) if line in mail.content
            ]
        return found


def _acknowledge(root: Path) -> Path:
    """acknowledge.sieve, with the address of the mailbox in it."""
    script = root / "acknowledge.sieve"
    text = (SCRIPTS / script.name).read_text(encoding="utf-8")
    script.write_text(text.replace(HELP, DELEGATE), encoding="utf-8")
    return script


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """For all tests of this file."""
    with ExitStack() as running:
        root = running.enter_context(open_directory())
        # "unwatched" is the port on a day on which the milter is down.
        site = running.enter_context(
            running_site(toml=TOML, services={"unwatched": {"smtpd_milters": ""}})
        )
        owners = {name: Owner(before=(SCRIPTS / script,)) for name, script in FILED.items()}
        owners[HELP] = Owner(script=AWAY, before=(SCRIPTS / FILED[HELP],))
        owners[PLAIN] = Owner(script=AWAY)
        owners[DELEGATE] = Owner(before=(_acknowledge(root), SCRIPTS / FILED[HELP]))
        ours = root / "sieve_before" / FILED[HELP]
        owners[AFTER] = Owner(OF_ITS_OWN, settings=f"userdb_sieve_after={ours}")
        mailboxes = running.enter_context(
            Dovecot(root, owners, submission=site.postfix.ports["mx"])
        )
        site.route("desk.example", f"lmtp:inet:127.0.0.1:{mailboxes.port}")
        yield Office(site, mailboxes)


@pytest.fixture(autouse=True)
def logs_of_failures(office: Office, request: pytest.FixtureRequest) -> Iterator[None]:
    """For each test."""
    with logs_of_a_failure(request, office.site.service, office.site.postfix, office.dovecot):
        yield


def tag(mail: Stored, name: str) -> str:
    """What we say of it."""
    return str(message_from_bytes(mail.content)[f"X-Mailtriage-{name}"])


@pytest.mark.parametrize("one", LETTERS, ids=lambda one: one.expect["X-Mailtriage-Skill"])
def test_mail_lands_by_skill_language_and_priority(office: Office, one: Letter) -> None:
    skill, language = one.expect["X-Mailtriage-Skill"], one.expect["X-Mailtriage-Language"]
    found = office.receive(one.raw)
    priority = tag(found[HELP], "Priority")
    assert {name: mail.folder for name, mail in found.items()} == {
        HELP: f"{skill}-{language}",
        BY_SKILL: f"skill-{skill}",
        BY_LANGUAGE: f"language-{language}",
        BY_PRIORITY: f"priority-{priority}",
    }
    assert {mail.flagged for mail in found.values()} == {priority == "urgent"}


def test_what_is_urgent_is_flagged(office: Office) -> None:
    found = office.receive(URGENT.raw)
    assert found[BY_PRIORITY].folder == "priority-urgent"
    assert all(mail.flagged for mail in found.values())


def test_mail_programs_show_the_folders_that_came_into_being(office: Office) -> None:
    """lda_mailbox_autosubscribe, of which README.md speaks."""
    office.receive(LETTERS[1].raw)
    assert "delivery-de" in office.dovecot.subscriptions(HELP)
    assert "skill-delivery" in office.dovecot.subscriptions(BY_SKILL)


def test_robots_have_a_folder_of_their_own(office: Office) -> None:
    found = office.receive(NEWSLETTER)
    assert found[HELP].folder == "robots"


def test_without_a_script_of_ours_all_mail_is_in_the_inbox(office: Office) -> None:
    """So it is the scripts that do it."""
    mail = office.receive(URGENT.raw, PLAIN)[PLAIN]
    assert (mail.folder, mail.flagged) == (INBOX, False)


# Forged headers.


def test_forged_headers_do_not_move_a_mail(office: Office) -> None:
    honest = office.receive(LETTERS[0].raw)
    forged = office.receive(with_header(LETTERS[0].raw, FORGED))
    assert {name: mail.folder for name, mail in forged.items()} == {
        name: mail.folder for name, mail in honest.items()
    }
    assert [mail.flagged for mail in forged.values()] == [m.flagged for m in honest.values()]


def test_nor_while_the_milter_is_down(office: Office) -> None:
    """The header_checks that `mailtriage postfix` prints have removed them."""
    found = office.receive(with_header(URGENT.raw, FORGED), service="unwatched")
    assert {mail.folder for mail in found.values()} == {"untagged"}
    assert not any(mail.flagged for mail in found.values())


def test_and_mail_that_the_milter_did_not_see_lies_apart(office: Office) -> None:
    found = office.receive(URGENT.raw, service="unwatched")
    assert {mail.folder for mail in found.values()} == {"untagged"}


# Scripts of the user's own.


@pytest.mark.parametrize(("to", "answers"), [(HELP, 0), (PLAIN, 1)])
def test_what_sieve_before_has_filed_no_script_of_the_users_sees(
    office: Office, to: str, answers: int
) -> None:
    """Both have the same vacation program; that of the shared mailbox is silent."""
    customer = office.site.customer()
    office.site.write(customer, to=to)
    office.dovecot.wait(to)
    office.site.settle()
    said = [b"I am on holiday." in one.content for one in office.site.world.to(customer.address)]
    assert sum(said) == answers


def test_with_sieve_after_the_users_own_come_first(office: Office) -> None:
    mail = LETTERS[0].raw
    assert office.receive(mail, AFTER)[AFTER].folder == "billing-sv"
    private = re.sub(rb"Subject: .*", b"Subject: Private", mail)
    assert office.receive(private, AFTER)[AFTER].folder == INBOX


# The server acknowledges: acknowledge.sieve, ack = "delegate".


def filed(office: Office, customer: Customer, content: bytes) -> Stored:
    """A customer's mail to the mailbox whose server acknowledges, once all is quiet."""
    office.site.write(customer, content, to=DELEGATE)
    office.site.settle()
    sender = customer.address.encode()
    (mail,) = [one for one in office.dovecot.mails(DELEGATE) if sender in one.content]
    return mail


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        ("", "We have received your message"),
        ("Guten Tag, mein Paket ist noch nicht angekommen. Wo ist es?\n", "Ihre Nachricht"),
    ],
    ids=["en", "de"],
)
def test_the_server_sends_the_one_acknowledgement_in_the_language_of_the_mail(
    office: Office, body: str, subject: str
) -> None:
    customer = office.site.customer()
    mail = filed(office, customer, customer.mail(to=DELEGATE, body=body))
    assert (mail.folder, tag(mail, "Ack")) == (tag(mail, "Route"), "delegated")
    (answer,) = office.site.world.to(customer.address)
    header = dict(answer.header)
    assert header["Subject"].startswith(subject)
    assert header["Auto-Submitted"].startswith("auto-replied")
    assert answer.sender == ""


def test_what_must_not_be_answered_the_server_does_not_answer_either(office: Office) -> None:
    """Nothing in this mail says to Sieve that a robot wrote it; our rule B6 knows the field."""
    customer = office.site.customer()
    mail = filed(office, customer, customer.mail(to=DELEGATE, header="X-Autoreply: yes\n"))
    assert tag(mail, "Ack") == "skipped"
    assert office.site.world.to(customer.address) == []
