"""Who acknowledges, whom the helpdesk answered first, unusual mail, and what nobody gets to see.

One site as `mailtriage postfix` wires it. Each customer writes from a network of his own.
"""

import base64
import random
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest

from tests.support.serve import wait_for
from tests.support.sink import Delivery
from tests.support.site import HELP, Customer, Site, customer_mail, running_site, why_not
from tests.support.smtp import stuffed

pytestmark = pytest.mark.e2e

FORM = "198.51.100.7"

# Without a cool-down, or rule F2 would hide what the others say of a second mail.
MAILBOXES = f"""
[mailboxes."delegate@desk.example"]
ack = "delegate"
[mailboxes."deferred@desk.example"]
ack = "deferred"
[mailboxes."patient@desk.example"]
ack = "deferred"
wait = "2s"
[ack.limits]
cool_down = "0s"
[ack.forms]
clients = ["{FORM}"]
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


def test_what_is_left_to_the_helpdesk_is_only_announced(site: Site) -> None:
    to = "delegate@desk.example"
    customer = site.customer()
    site.write(customer, to=to)
    (arrived,) = site.arrived(customer.message_id)
    assert arrived.tags["x-mailtriage-ack"] == "delegated"
    site.settle()
    assert site.acks_to(customer.address) == []


DEFERRED = "deferred@desk.example"


def helpdesk_mail(customer: Customer, *, to: str, subject: str, header: str = "") -> bytes:
    """What the helpdesk writes about the customer's mail."""
    return (
        f"From: Desk <{DEFERRED}>\nTo: {to}\nSubject: {subject}\n"
        f"Message-ID: <helpdesk-{customer.number}@desk.example>\n"
        f"In-Reply-To: {customer.message_id}\nReferences: {customer.message_id}\n{header}\n"
        "Hello\n"
    ).encode()


AUTOMATIC = "Auto-Submitted: auto-generated\n"


def waiting(site: Site) -> int:
    """Acknowledgements that wait for a ticket number."""
    return site.outbox().get("WAITING", 0)


@pytest.fixture
def deferred(site: Site) -> Customer:
    """Somebody whose acknowledgement waits."""
    before = waiting(site)
    customer = site.customer()
    site.write(customer, to=DEFERRED)
    wait_for(lambda: waiting(site) == before + 1, "the waiting acknowledgement")
    assert site.acks_to(customer.address) == []
    return customer


def test_a_deferred_one_leaves_with_the_ticket_that_the_helpdesk_names(
    site: Site, deferred: Customer
) -> None:
    """In the mail by which it tells its agents."""
    subject = "[desk #17] New ticket: Where is my parcel?"
    mail = helpdesk_mail(deferred, to="agent@desk.example", subject=subject, header=AUTOMATIC)
    site.agent_writes(mail, "agent@desk.example", sender=DEFERRED)
    ack = parsed(site.wait_for_ack(deferred.address))
    assert ack["Subject"].endswith(f"Where is my parcel {deferred.number}? [desk #17]")
    assert ack["In-Reply-To"] == deferred.message_id


@pytest.mark.parametrize("header", [AUTOMATIC, ""], ids=["helpdesk", "agent"])
def test_a_deferred_one_never_leaves_when_the_helpdesk_writes_to_the_customer(
    site: Site, deferred: Customer, header: str
) -> None:
    mail = helpdesk_mail(deferred, to=deferred.address, subject="[desk #18] Parcel", header=header)
    before = site.outbox().get("SUPPRESSED", 0)
    site.agent_writes(mail, deferred.address, sender=DEFERRED)
    wait_for(lambda: site.outbox().get("SUPPRESSED", 0) == before + 1, "its end")
    site.settle()
    assert site.acks_to(deferred.address) == []


def test_a_deferred_one_leaves_without_a_ticket_when_none_comes(site: Site) -> None:
    to = "patient@desk.example"
    customer = site.customer()
    site.write(customer, to=to)
    ack = parsed(site.wait_for_ack(customer.address))
    assert ack["Subject"].endswith(f"Where is my parcel {customer.number}?")


# The other way.


def test_an_agents_answer_leaves_as_it_is_and_the_desk_hears_of_it(site: Site) -> None:
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    mail = helpdesk_mail(customer, to=customer.address, subject="Your parcel")
    site.agent_writes(mail, customer.address)
    (answer,) = site.arrived(f"<helpdesk-{customer.number}@desk.example>")
    assert answer.tags == {}
    assert answer.recipients == (customer.address,)
    assert answer.content.endswith(mail.replace(b"\n", b"\r\n"))
    assert site.logged("event=desk ", "outcome=answered ")


def test_a_second_acknowledgement_by_the_helpdesk_raises_an_alarm(site: Site) -> None:
    """Its own is still switched on."""
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    site.settle()
    mail = helpdesk_mail(
        customer, to=customer.address, subject="[desk #19] Received", header=AUTOMATIC
    )
    site.agent_writes(mail, customer.address)
    assert site.logged("level=warning ", "event=desk ", "outcome=double-ack ")


# Addresses, sizes and sources.


def test_an_address_beyond_ascii_is_answered_by_smtputf8(site: Site) -> None:
    """RFC 6531; the sink shows addresses as Latin-1."""
    address = "käthe@kündin.example"
    number = site.customer().number
    content = customer_mail(
        number, sender=address, results="spf=pass smtp.mailfrom=xn--kndin-kva.example"
    )
    with site.connect() as session:
        session.command(f"MAIL FROM:<{address}> SMTPUTF8 BODY=8BITMIME")
        session.command(f"RCPT TO:<{HELP}>")
        session.command("DATA", 3)
        session.send(stuffed(content))
        session.expect(2)
    ack = site.wait_for_ack(address.encode().decode("latin-1"))
    assert "SMTPUTF8" in ack.parameters
    assert f"\r\nTo: {address}\r\n".encode() in ack.content


def test_a_large_mail_is_acknowledged(site: Site) -> None:
    customer = site.customer()
    attachment = base64.encodebytes(random.Random(1).randbytes(3_000_000)).decode()
    body = (
        "--b\nContent-Type: text/plain\n\nMy parcel is damaged, see the picture.\n"
        '--b\nContent-Type: image/jpeg; name="parcel.jpg"\n'
        f"Content-Transfer-Encoding: base64\n\n{attachment}\n--b--\n"
    )
    header = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
    site.write(customer, customer.mail(header=header, body=body))
    assert parsed(site.wait_for_ack(customer.address))["Content-Language"] == "en"
    (arrived,) = site.arrived(customer.message_id)
    assert len(arrived.content) > 4_000_000


def form_mail(site: Site, visitor: str) -> bytes:
    """What a contact form sends."""
    number = site.customer().number
    return (
        f"From: www@shop.example\nReply-To: {visitor}\nTo: {HELP}\nSubject: Contact form\n"
        f"Date: Mon, 23 Nov 2026 09:00:00 +0100\nMessage-ID: <form{number}@shop.example>\n\n"
        "Hello, can I change the delivery address of my order?\n"
    ).encode()


def test_who_fills_in_our_form_is_answered(site: Site) -> None:
    visitor = "visitor@home.example"
    site.send(form_mail(site, visitor), sender="www@shop.example", client=FORM)
    assert parsed(site.wait_for_ack(visitor))["To"] == visitor
    site.send(form_mail(site, visitor), sender="www@shop.example", client=FORM)
    site.settle()
    assert len(site.acks_to(visitor)) == 1, "one a day: a form can be filled in for others"


def test_no_other_reply_to_is_answered(site: Site) -> None:
    visitor = "visitor@elsewhere.example"
    site.send(form_mail(site, visitor), sender="www@shop.example")
    site.settle()
    assert site.world.to(visitor) == []


# The way to the desk.


def test_strangers_do_not_reach_the_desk(site: Site) -> None:
    signed = site.tokens.sweeper_recipient(HELP)
    with site.connect() as session:
        session.command("MAIL FROM:<kim@shop.example>")
        assert session.command(f"RCPT TO:<{signed}>", 5).code == 554


def test_a_forged_signature_is_refused_even_from_within(site: Site) -> None:
    forged = f"t1.{'a' * 26}.{'b' * 13}@mailtriage.invalid"
    sender = "insider@desk.example"
    site.send(customer_mail(1, sender=sender), sender=sender, to=forged, client="")
    bounce = site.world.one(sender)
    assert re.search(rb"550[ -]5\.1\.1 Not an address of this installation", bounce.content)
    site.settle()
    assert site.acks_to(sender) == []


def test_nobody_ever_saw_the_hidden_recipient(site: Site) -> None:
    """In no header, and as the recipient of nothing that left."""
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    everything = [one for one in site.world.deliveries if b"multipart/report" not in one.content]
    assert len(everything) >= 2
    assert not [one for one in everything if b"mailtriage.invalid" in one.content]
    assert not [to for one in everything for to in one.recipients if "mailtriage" in to]


def test_the_log_names_nobody(site: Site) -> None:
    """Addresses are pseudonyms, and subjects are not there at all."""
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    wait_for(lambda: "event=ack " in site.service.log(), "the log line")
    log = site.service.log()
    assert ".example" not in log.replace("listen=", "")
    assert "parcel?" not in log
