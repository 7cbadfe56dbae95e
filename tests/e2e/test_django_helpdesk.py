"""django-helpdesk behind real Postfix and mailtriage: the milter picks the queue's address, Postfix
files the mail in the queue's directory, `manage.py get_email` takes it from there. SQLite.

Set up as config/helpdesks/django-helpdesk/README.md says.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes
from itertools import count
from pathlib import Path

import pytest

from tests.helpdesks.finished import GERMAN, HIGH, LOW, NORMAL, URGENT, finished, letter
from tests.helpdesks.product import Ticket
from tests.helpdesks.products.django_helpdesk import HIGH as HIGH_WORD
from tests.helpdesks.products.django_helpdesk import NORMAL as NORMAL_WORD
from tests.helpdesks.products.django_helpdesk import PRODUCT, SLUG
from tests.support.django_helpdesk import SHIPPED, DjangoHelpdesk, HelpdeskTicket
from tests.support.replies import answer
from tests.support.site import Customer, Site, running_site, why_not

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "Postfix is here"),
]

MAILBOX = """
profile = "django-helpdesk"
route = "recipient"
aliases = ["billing@desk.example", "billing-de@desk.example", "support@desk.example"]
[mailboxes."help@desk.example".routes]
billing = "billing@desk.example"
billing-de = "billing-de@desk.example"
default = "support@desk.example"
"""


@dataclass(frozen=True, slots=True)
class Helpdesk:
    """A site whose service mailbox feeds the queues."""

    site: Site
    django: DjangoHelpdesk

    def take(self) -> None:
        """Cron's minute has come, and everything is as it will be."""
        self.site.settle()
        self.django.get_email()
        self.site.settle()

    def write(self, raw: bytes = b"", **words: str) -> Customer:
        """A new customer's mail, with subject and text of a letter."""
        customer = self.site.customer()
        if raw:
            mail = message_from_bytes(raw)
            words = {"subject": str(mail["Subject"]), "body": str(mail.get_payload())} | words
        self.site.write(customer, customer.mail(**words))
        return customer

    def from_customer(self, raw: bytes = b"", **words: str) -> tuple[Customer, HelpdeskTicket]:
        """The same, and the ticket that came of it."""
        customer = self.write(raw, **words)
        self.take()
        return customer, self.django.ticket(customer.message_id)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where Postfix may write, too."""
    place = Path(tempfile.mkdtemp(prefix="mt-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def fresh(directory: Path) -> DjangoHelpdesk:
    """A helpdesk that writes to nobody, as it is after `migrate`."""
    return DjangoHelpdesk(directory / "fresh")


@pytest.fixture(scope="module")
def desk(directory: Path) -> Iterator[Helpdesk]:
    """For all tests with Postfix."""
    with ExitStack() as running:
        site = running.enter_context(running_site(toml=MAILBOX))
        django = DjangoHelpdesk(directory / "django", port=site.postfix.ports["mx"])
        django.silence()
        django.deliver_from(site)
        yield Helpdesk(site, django)
        print(site.service.log(), site.postfix.log()[-8000:], sep="\n")


def test_queue_and_priority_are_right(desk: Helpdesk) -> None:
    expected = {}
    for raw, queue, priority in (
        (URGENT, "support", HIGH_WORD),
        (HIGH, "support", HIGH_WORD),
        (NORMAL, "billing", NORMAL_WORD),
        (GERMAN, "billing-de", NORMAL_WORD),
        (LOW, "support", NORMAL_WORD),
    ):
        expected[desk.write(raw).message_id] = (queue, priority)
    desk.take()
    for message_id, words in expected.items():
        ticket = desk.django.ticket(message_id)
        assert (ticket.queue, ticket.priority) == words
        assert ticket.copies == (), "the service address is nobody who gets copies"


def test_what_the_sender_claims_does_not_count(desk: Helpdesk) -> None:
    claims = "Importance: high\nPriority: urgent\nX-Mailtriage-Priority: urgent\n"
    _, ticket = desk.from_customer(NORMAL, header=claims)
    assert (ticket.queue, ticket.priority) == ("billing", NORMAL_WORD)


def test_the_customer_gets_one_acknowledgement_and_it_is_ours(desk: Helpdesk) -> None:
    customer, _ = desk.from_customer()
    (mail,) = desk.site.world.to(customer.address)
    assert [mail] == desk.site.acks_to(customer.address)


def test_the_answer_to_it_lands_in_the_same_ticket(desk: Helpdesk) -> None:
    """Into whatever queue it goes: this one speaks of something else."""
    customer, ticket = desk.from_customer(GERMAN)
    ack = desk.site.wait_for_ack(customer.address)
    number = 1000 + customer.number
    desk.site.write(customer, answer(customer, ack, number))
    desk.take()
    after = desk.django.ticket(f"<r{number}@{customer.domain}>")
    assert (after.number, after.queue) == (ticket.number, "billing-de")
    assert len(desk.site.acks_to(customer.address)) == 1, "no second acknowledgement"
    # README.md: "What django-helpdesk does not leave be".
    (other,) = (one for one in desk.site.world.to(customer.address) if one != ack)
    assert b"(Updated)" in other.content


def test_the_answer_to_its_own_mail_finds_the_ticket_by_the_number_alone(desk: Helpdesk) -> None:
    customer, ticket = desk.from_customer(NORMAL)
    ack = desk.site.wait_for_ack(customer.address)
    desk.site.write(customer, answer(customer, ack, 2000 + customer.number))
    desk.take()
    told = desk.site.world.to(customer.address)[-1]
    number = 3000 + customer.number
    desk.site.write(customer, answer(customer, told, number, threads=False))
    desk.take()
    assert desk.django.ticket(f"<r{number}@{customer.domain}>").number == ticket.number
    assert len(desk.site.acks_to(customer.address)) == 1, "a follow-up is not acknowledged"


def test_no_robot_is_answered(desk: Helpdesk) -> None:
    """Not even those that django-helpdesk itself would answer: it asks neither Precedence nor the
    envelope sender."""
    marks = ("Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "List-Id: <a.b.example>\n")
    robots = [(desk.site.customer(), mark) for mark in (*marks, "")]
    for customer, mark in robots:
        sender = None if mark else ""  # the last is a bounce
        desk.site.write(customer, customer.mail(header=mark), sender=sender)
    desk.take()
    for customer, mark in robots:
        assert desk.django.ticket(customer.message_id), mark
        assert desk.site.world.to(customer.address) == [], mark


# Without Postfix: why the setup is as it is, and what is re-stated.


def test_a_mail_that_is_no_utf_8_stops_a_queue_unless_our_script_runs_first(
    fresh: DjangoHelpdesk,
) -> None:
    texts = {"iso-8859-1": "für Lößnitz", "koi8-r": "где посылка", "windows-1252": "das Päckchen"}
    for charset, text in texts.items():
        head = letter("", message_id=f"<{charset}@customer.example>").rstrip(b"\r\n")
        kind = f"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n"
        body = f"Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n".encode(charset)
        fresh.put("billing-de", charset, head + kind.encode() + body)
    assert "UnicodeDecodeError" in fresh.get_email()
    assert fresh.waiting() == len(texts)

    script = SHIPPED / "get-email.sh"
    subprocess.run([script, fresh.spool, "true"], check=True, timeout=60)
    assert "UnicodeDecodeError" not in fresh.get_email()
    assert fresh.waiting() == 0
    for charset, text in texts.items():
        assert fresh.ticket(f"<{charset}@customer.example>").texts[0].strip() == text


def test_the_script_changes_no_other_mail_and_ends_as_its_command_does(directory: Path) -> None:
    place = directory / "spool"
    for name in ("new", "tmp"):
        (place / "queue" / name).mkdir(parents=True)
    mail = place / "queue" / "new" / "1 with a blank"
    mail.write_bytes("Subject: ü\n\nHello ü\n".encode())
    os.utime(mail, (1, 1))
    done = subprocess.run([SHIPPED / "get-email.sh", place, "sh", "-c", "exit 9"], check=False)
    assert done.returncode == 9
    assert mail.stat().st_mtime == 1
    assert list((place / "queue" / "tmp").iterdir()) == []


def test_the_rules_that_are_restated_are_those_of_django_helpdesk(fresh: DjangoHelpdesk) -> None:
    first = finished("django-helpdesk", NORMAL.replace(b"<m1@", b"<first@"))
    fresh.put(SLUG, "first", first)
    fresh.get_email()
    ticket = fresh.ticket("<first@customer.example>")
    known = Ticket(first, ticket.number, "joe@customer.example")
    reply = "In-Reply-To: <first@customer.example>"
    ids = (f"<n{number}@customer.example>" for number in count(1))
    mails = {}
    for more, subject in (
        (reply, "Anything"),
        (f"{reply} <other@customer.example>", "Anything"),
        ("In-Reply-To: <FIRST@customer.example>", "Anything"),
        ("References: <first@customer.example>", "Re: Invoice for October"),
        ("In-Reply-To: <other@customer.example>", f"Re: [billing-{ticket.number}] Invoice"),
        ("", f"x [billing-99] [billing-{ticket.number}] y"),
        ("", f"[billing-{ticket.number}] [billing-99]"),
        ("", f"[Billing-{ticket.number}] Invoice"),
        ("", f"[support-{ticket.number}] Invoice"),
        ("", f"[other-{ticket.number}] Invoice"),
        ("Importance: high", "A"),
        ("Importance: High", "B"),
        ("Priority: urgent\nImportance: low", "C"),
        ("Importance: low\nImportance: high", "D"),
        ("X-Priority: 1", "E"),
    ):
        message_id = next(ids)
        mails[message_id] = letter(subject=subject, message_id=message_id, more=more)
    for level in (URGENT, HIGH, LOW):
        message_id = next(ids)
        mails[message_id] = finished(
            "django-helpdesk", level.replace(b"<m1@customer.example>", message_id.encode())
        )
    for number, mail in enumerate(mails.values()):
        fresh.put(SLUG, f"m{number:02}", mail)
    fresh.get_email()
    filed = {name: each for each in fresh.tickets() for name in each.mails}
    for message_id, mail in mails.items():
        real = filed[message_id]
        assert (real.number == ticket.number) == PRODUCT.joins(mail, known), mail
        if real.number != ticket.number:
            taken = PRODUCT.take(mail, f"{SLUG}@desk.example")
            assert (real.priority, real.queue) == (taken.priority, taken.queue), mail


def test_without_a_mail_server_it_files_the_same_mail_again_and_again(
    fresh: DjangoHelpdesk,
) -> None:
    """It files, writes to the customer, and only then takes the mail out of the directory."""
    nowhere = """
        from django.conf import settings
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_PORT = 1
        from helpdesk.email import process_email
        process_email(quiet=True)
    """
    file = fresh.put(SLUG, "again", letter(message_id="<again@customer.example>"))
    fresh.shell(nowhere)
    fresh.shell(nowhere)
    assert len([each for each in fresh.tickets() if "<again@customer.example>" in each.mails]) == 2
    file.unlink()


def test_its_own_acknowledgement_is_as_restated_and_ends_with_its_template(
    fresh: DjangoHelpdesk,
) -> None:
    raw = letter(message_id="<own@customer.example>")
    fresh.put(SLUG, "own", raw)
    before = len(fresh.sent())
    fresh.get_email()
    (real,) = fresh.sent()[before:]
    ticket = Ticket(raw, fresh.ticket("<own@customer.example>").number, "joe@customer.example")
    assert PRODUCT.own_reply is not None
    restated = message_from_bytes(PRODUCT.own_reply(ticket))
    for name in ("Subject", "To", "In-Reply-To", "Auto-Submitted", "Precedence"):
        assert real[name] == restated[name], name

    fresh.silence()
    fresh.put(SLUG, "next", raw.replace(b"<own@", b"<next@"))
    fresh.get_email()
    assert fresh.ticket("<next@customer.example>")
    assert len(fresh.sent()) == before + 1, "nothing more"

    # As silence.py says.
    fresh.load_templates()
    fresh.put(SLUG, "later", raw.replace(b"<own@", b"<later@"))
    fresh.get_email()
    assert len(fresh.sent()) == before + 2
