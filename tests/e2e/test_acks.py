"""Acknowledgements, from the customer's server to the customer: Postfix, signer, desk and all.

One site as `mailtriage postfix` wires it. Each customer writes from a network of his own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest

from tests.support.mails import LETTERS, Letter
from tests.support.sink import Delivery
from tests.support.site import HELP, Customer, Site, customer_mail, running_site, why_not

pytestmark = pytest.mark.e2e

# Without a cool-down, or rule F2 would hide what the others say of a second mail.
MAILBOXES = """
[mailboxes."sales@desk.example"]
name = "Sales"
[mailboxes."re@desk.example"]
subject_style = "re"
repair = "headers"
[mailboxes."person@desk.example"]
ack = "off"
[ack.limits]
cool_down = "0s"
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file."""
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=MAILBOXES) as running:
        yield running


@pytest.fixture(autouse=True)
def logs_of_failures(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    """What was logged during a test that failed is shown with it."""
    before, failed = (len(site.service.log()), len(site.postfix.log())), request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        print(site.service.log()[before[0] :], site.postfix.log()[before[1] :][-8000:], sep="\n")


def parsed(delivery: Delivery) -> EmailMessage:
    """As a mail program reads it."""
    return BytesParser(policy=default).parsebytes(delivery.content)


def text_of(delivery: Delivery) -> str:
    """What the customer reads."""
    body = parsed(delivery).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


# The whole way, once.


@dataclass(frozen=True, slots=True)
class Exchange:
    """One customer's mail, as the helpdesk got it, and the acknowledgement."""

    customer: Customer
    mail: Delivery
    ack: Delivery


@pytest.fixture(scope="module")
def exchange(site: Site) -> Exchange:
    """A mail like any other."""
    customer = site.customer()
    site.write(customer, customer.mail(header="References: <earlier@shop.example>\n"))
    ack = site.wait_for_ack(customer.address)
    (mail,) = site.arrived(customer.message_id)
    return Exchange(customer, mail, ack)


def test_the_helpdesk_is_told_that_the_customer_hears(exchange: Exchange) -> None:
    assert exchange.mail.tags["x-mailtriage-ack"] == "sent"
    assert exchange.mail.tags["x-mailtriage-ack-rule"] == "none"
    assert exchange.mail.recipients == (HELP,)


def test_the_acknowledgement_can_come_back_to_nobody(exchange: Exchange) -> None:
    assert exchange.ack.sender == ""
    assert exchange.ack.recipients == (exchange.customer.address,)
    assert "NOTIFY=NEVER" in exchange.ack.parameters


def test_the_acknowledgement_is_signed_by_the_domain_in_its_from(
    site: Site, exchange: Exchange
) -> None:
    """With a null sender there is nothing else that DMARC could go by."""
    ack = exchange.ack
    (author,) = parsed(ack)["From"].addresses
    assert author == Address("Desk Support", addr_spec=HELP)
    (signature,) = [value for name, value in ack.header if name == "DKIM-Signature"]
    assert f"d={author.domain};" in signature
    assert site.signer.verdict(ack.content).endswith("succeeded")


def test_the_acknowledgement_stands_below_the_customers_mail(exchange: Exchange) -> None:
    ack = parsed(exchange.ack)
    assert ack["In-Reply-To"] == exchange.customer.message_id
    assert ack["References"].split() == ["<earlier@shop.example>", exchange.customer.message_id]
    assert ack["Subject"].endswith(f"Where is my parcel {exchange.customer.number}?")


def test_the_acknowledgement_says_what_it_is(site: Site, exchange: Exchange) -> None:
    ack = parsed(exchange.ack)
    assert ack["Auto-Submitted"] == "auto-replied"
    assert ack["X-Auto-Response-Suppress"] == "All"
    assert site.tokens.read_ack_message_id(ack["Message-ID"]) is not None
    assert ack["X-Mailtriage-Ref"] in text_of(exchange.ack)
    names = {name.lower() for name, _ in exchange.ack.header}
    assert not [name for name in names if name.startswith("list-") or name == "precedence"]
    assert not names & {"reply-to", "cc", "bcc", "disposition-notification-to"}


def test_the_sweeper_tells_the_desk_too_and_there_is_one_acknowledgement(
    site: Site, exchange: Exchange
) -> None:
    site.settle()
    key = f"key={parsed(exchange.ack)['Message-ID'].split('.')[1]} "
    assert site.logged("event=desk ", "outcome=owed ", key)
    assert site.logged("event=desk ", "outcome=known ", "rule=F7 ", key)
    assert site.acks_to(exchange.customer.address) == [exchange.ack]


def test_a_client_that_sends_the_mail_again_gets_no_second_one(
    site: Site, exchange: Exchange
) -> None:
    customer = exchange.customer
    site.write(customer)
    again = site.arrived(customer.message_id, 2)[-1]
    site.settle()
    assert again.tags["x-mailtriage-ack-rule"] == "f7"
    assert len(site.acks_to(customer.address)) == 1


# What it says.

TEXT = (
    "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
)


@pytest.mark.parametrize(
    "letter", LETTERS, ids=lambda letter: letter.expect["X-Mailtriage-Language"]
)
def test_the_customer_is_answered_in_his_language(site: Site, letter: Letter) -> None:
    customer = site.customer()
    site.write(customer, customer.mail(header=TEXT, body=letter.raw.partition(b"\n\n")[2].decode()))
    ack = parsed(site.wait_for_ack(customer.address))
    assert ack["Content-Language"] == letter.expect["X-Mailtriage-Language"]


def test_a_customer_whose_language_nobody_can_tell_is_answered_in_two(site: Site) -> None:
    customer = site.customer()
    site.write(customer, customer.mail(subject="4711-0815", body="4711-0815\n"))
    ack = parsed(site.wait_for_ack(customer.address))
    assert ack["Content-Language"] == "en, de"


def test_a_helpdesk_that_needs_it_gets_the_customers_own_subject(site: Site) -> None:
    to = "re@desk.example"
    customer = site.customer()
    site.write(customer, customer.mail(subject="Broken chair", to=to), to=to)
    assert parsed(site.wait_for_ack(customer.address))["Subject"] == "Re: Broken chair"


# The customer writes again.


def answer(
    customer: Customer, ack: Delivery, *, to: str = HELP, references: bool = True
) -> tuple[str, bytes]:
    """What the customer's mail program makes when he presses "Reply" on it: Message-ID, mail."""
    received = parsed(ack)
    threading = f"In-Reply-To: {received['Message-ID']}\n"
    if references:
        threading += f"References: {received['References']} {received['Message-ID']}\n"
    message_id = f"<answer-{customer.number}@{customer.domain}>"
    mail = customer.mail(
        subject=f"Re: {received['Subject']}",
        to=to,
        header=threading,
        body="Thank you. The order number is 4711, and the parcel went to the old address.\n",
    )
    return message_id, mail.replace(customer.message_id.encode(), message_id.encode(), 1)


def test_an_answer_to_the_acknowledgement_gets_none(site: Site) -> None:
    customer = site.customer()
    site.write(customer)
    message_id, mail = answer(customer, site.wait_for_ack(customer.address))
    site.write(customer, mail)
    (arrived,) = site.arrived(message_id)
    assert arrived.tags["x-mailtriage-thread"] == "reply"
    assert arrived.tags["x-mailtriage-ack"] == "skipped"
    assert arrived.tags["x-mailtriage-ack-rule"] == "g1"
    site.settle()
    assert len(site.acks_to(customer.address)) == 1


def test_another_question_gets_another_acknowledgement(site: Site) -> None:
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    other = customer.mail(subject="The invoice", body="What does the second line mean?\n")
    site.write(customer, other.replace(b"<m", b"<other", 1))
    site.world.wait(lambda _: len(site.acks_to(customer.address)) == 2)


@pytest.mark.parametrize("references", [True, False], ids=["references", "in-reply-to-only"])
def test_an_answer_finds_the_ticket_of_a_helpdesk_that_never_saw_the_acknowledgement(
    site: Site, references: bool
) -> None:
    to = "re@desk.example"
    customer = site.customer()
    site.write(customer, customer.mail(to=to), to=to)
    ack = site.wait_for_ack(customer.address)
    message_id, mail = answer(customer, ack, to=to, references=references)
    site.write(customer, mail, to=to)
    arrived = parsed(site.arrived(message_id)[0])
    assert arrived.get_all("In-Reply-To") == [customer.message_id]
    assert arrived["References"].split() == [customer.message_id, parsed(ack)["Message-ID"]]


def test_nobody_elses_answer_gets_into_the_ticket(site: Site) -> None:
    """Though he quotes a Message-ID that is ours: it may have been forwarded to him."""
    to = "re@desk.example"
    customer, stranger = site.customer(), site.customer()
    site.write(customer, customer.mail(to=to), to=to)
    ack = site.wait_for_ack(customer.address)
    message_id, mail = answer(stranger, ack, to=to)
    site.write(stranger, mail, to=to)
    arrived = parsed(site.arrived(message_id)[0])
    assert arrived["In-Reply-To"] == parsed(ack)["Message-ID"]


# Who gets none. One line each: the rule, and what makes the mail such a one.

REPORT = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"
PASSES = "spf=pass smtp.mailfrom=elsewhere.example"
FAILS = "spf=fail smtp.mailfrom=customer.example"
BELOW = (
    "Received: from mail.customer.example by mx.elsewhere.example; "
    "Mon, 23 Nov 2026 08:00:00 +0000\n"
    "Authentication-Results: mx.desk.example; dmarc=pass header.from=forger.example\n"
)


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A mail that must get none."""

    rule: str
    what: str
    header: str = ""
    sender: str = "kim@forger.example"
    reverse_path: str | None = None
    """None: `sender`."""
    results: str = ""
    subject: str = "Where is my parcel?"
    to: str = HELP
    envelope: str = HELP


NONE_FOR = (
    Unanswerable("A1", "null sender", reverse_path=""),
    Unanswerable("A3", "list manager", sender="owner-news@shop.example"),
    Unanswerable("A4", "no-reply", sender="no-reply@shop.example"),
    Unanswerable("A6", "own mailbox", sender="sales@desk.example"),
    Unanswerable("B1", "auto-replied", "Auto-Submitted: auto-replied (vacation)\n"),
    Unanswerable("B1", "auto-generated", "Auto-Submitted: auto-generated\n"),
    Unanswerable("B2", "mailing list", "List-Id: <users.list.example>\n"),
    Unanswerable("B4", "bulk", "Precedence: bulk\n"),
    Unanswerable("B5", "silence wanted", "X-Auto-Response-Suppress: OOF, AutoReply\n"),
    Unanswerable("B6", "autoresponder", "X-Autoreply: yes\n"),
    Unanswerable("B7", "another mailtriage", f"X-Mailtriage-Loop: {'a' * 26}.{'b' * 13}\n"),
    Unanswerable("C1", "bounce with a sender", REPORT),
    Unanswerable("D3", "another domain vouched for", results=PASSES),
    Unanswerable("D4", "disowned by From:", results="dmarc=fail header.from=forger.example"),
    Unanswerable("D5", "spf fails", results=FAILS),
    Unanswerable("D7", "nobody vouches", results="none"),
    Unanswerable("D7", "forged below a Received", BELOW, results="none"),
    Unanswerable("D9", "spam", "X-Spam-Flag: YES\n"),
    Unanswerable("E1", "not a service mailbox", to="person@desk.example", envelope="person@desk.example"),
    Unanswerable("E2", "blind copy", to="friend@shop.example"),
    Unanswerable("E6", "Cc: only", f"Cc: {HELP}\n", to="friend@shop.example"),
    Unanswerable("G2", "answer to what is not known", "In-Reply-To: <x@shop.example>\n", subject="Re: offer"),
    Unanswerable("G3", "ticket number", subject="Parcel [desk #77]"),
)  # fmt: skip


@pytest.mark.parametrize("mail", NONE_FOR, ids=lambda mail: f"{mail.rule} {mail.what}")
def test_no_acknowledgement_and_header_and_log_say_why(site: Site, mail: Unanswerable) -> None:
    number = site.customer().number
    content = customer_mail(
        number,
        sender=mail.sender,
        subject=mail.subject,
        header=mail.header,
        to=mail.to,
        results=mail.results,
    )
    sender = mail.sender if mail.reverse_path is None else mail.reverse_path
    queue_id = site.write(Customer(number), content, to=mail.envelope, sender=sender)
    (arrived,) = site.arrived(f"<m{number}@{mail.sender.rpartition('@')[2]}>")
    off = mail.envelope == "person@desk.example"
    assert arrived.tags["x-mailtriage-ack"] == ("none" if off else "skipped")
    assert arrived.tags["x-mailtriage-ack-rule"] == mail.rule.lower()
    assert site.logged("event=mail ", f"queue_id={queue_id} ", f"ack_rule={mail.rule} ")
    site.settle()
    assert site.acks_to(mail.sender) == []


def test_a_sender_that_is_only_claimed_is_never_written_to(site: Site) -> None:
    """The forger's own server is in order; the victim is in From: and Reply-To:."""
    forger = site.customer()
    victim = "victim@bank.example"
    mail = forger.mail(header=f"Reply-To: {victim}\nSender: {victim}\n")
    site.write(
        forger, mail.replace(f"From: Kim <{forger.address}>".encode(), f"From: {victim}".encode())
    )
    site.settle()
    assert site.world.to(victim) == []


# Mailboxes, and how they are set.


def test_a_mail_to_two_mailboxes_gets_one_acknowledgement(site: Site) -> None:
    customer = site.customer()
    both = ("help@desk.example", "sales@desk.example")
    content = customer.mail(to=", ".join(reversed(both)))
    with site.connect(customer.client) as session:
        assert session.mail(content, *both, sender=customer.address).code == 250
    ack = site.wait_for_ack(customer.address)
    assert parsed(ack)["From"].addresses[0].addr_spec == "sales@desk.example"
    site.settle()
    assert site.acks_to(customer.address) == [ack]
    assert {to for copy in site.arrived(customer.message_id) for to in copy.recipients} == set(both)
