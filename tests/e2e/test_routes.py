"""Recipient routing, for helpdesks that read no header: through a real Postfix, wired as printed."""

from collections.abc import Iterator

import pytest

from tests.support.sink import Delivery
from tests.support.site import Customer, Site, running_site, why_not
from tests.support.smtp import stuffed

pytestmark = pytest.mark.e2e

SERVICE = "service@desk.example"
MAILBOXES = f"""
[mailboxes."{SERVICE}"]
profile = "osticket"
route = "recipient"
[mailboxes."{SERVICE}".routes]
billing = "billing@desk.example"
billing-de = "billing-de@desk.example"
technical = "inbox@desk.example"
[mailboxes."person@desk.example"]
ack = "off"
[ack.limits]
cool_down = "0s"
"""
# An alias that leads the public address to one that is a route as well, and the setting with which
# Postfix would take that for a duplicate.
BEFORE = """
postconf -e 'virtual_alias_maps = inline:{{ {{ service@desk.example = inbox@desk.example }} }}' \\
    'enable_original_recipient = no'
"""
INVOICE = "Could you send me the invoice for October once more? I cannot find the PDF.\n"
RECHNUNG = "Guten Tag, bitte schicken Sie mir die Rechnung für Oktober noch einmal zu. Danke.\n"
OUTAGE = "The internet has been down since yesterday and I cannot work. Please repair it.\n"
PARCEL = "Hello, I ordered last week and my parcel has not come. Where is it?\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=MAILBOXES, main=BEFORE) as running:
        yield running


def written(site: Site, customer: Customer, body: str, **mail: str) -> Delivery:
    """One mail to the service address, as it was delivered in the end: once, to one address."""
    content = customer.mail(body=body, to=SERVICE, subject="My question", **mail)
    content = content.replace(b"\n\n", b"\nContent-Type: text/plain; charset=utf-8\n\n", 1)
    site.write(customer, content, to=SERVICE)
    site.settle()
    (mail_,) = site.arrived(customer.message_id)
    return mail_


def test_mail_goes_to_the_address_of_its_skill(site: Site) -> None:
    customer = site.customer()
    mail = written(site, customer, INVOICE)
    assert mail.recipients == ("billing@desk.example",)
    assert mail.tags["x-mailtriage-route"] == "billing-en"


def test_an_address_for_a_language_goes_before_that_of_the_skill(site: Site) -> None:
    assert written(site, site.customer(), RECHNUNG).recipients == ("billing-de@desk.example",)


def test_what_has_no_route_stays_where_it_was_sent(site: Site) -> None:
    """With the administrator's own alias, which leads from there to another mailbox."""
    assert written(site, site.customer(), PARCEL).recipients == ("inbox@desk.example",)


def test_a_route_to_where_an_alias_leads_as_well_loses_nothing(site: Site) -> None:
    assert written(site, site.customer(), OUTAGE).recipients == ("inbox@desk.example",)


def test_the_customer_is_acknowledged_once_by_the_address_that_he_wrote_to(site: Site) -> None:
    customer = site.customer()
    written(site, customer, INVOICE)
    (ack,) = site.acks_to(customer.address)
    assert ("From", SERVICE) in [(name, value.strip("<>")) for name, value in ack.header]


def test_an_answer_goes_where_its_conversation_went(site: Site) -> None:
    """Its own words are about a parcel: by them it would stay in the inbox."""
    customer = site.customer()
    written(site, customer, INVOICE)
    ack = site.wait_for_ack(customer.address)
    (ack_id,) = [value for name, value in ack.header if name == "Message-ID"]
    again = Customer(customer.number)
    content = again.mail(body=PARCEL, to=SERVICE, header=f"In-Reply-To: {ack_id}\n")
    content = content.replace(again.message_id.encode(), b"<second@answer.example>")
    site.write(again, content, to=SERVICE)
    site.settle()
    (mail,) = site.arrived("<second@answer.example>")
    assert mail.recipients == ("billing@desk.example",)


def test_other_recipients_of_the_mail_keep_it(site: Site) -> None:
    customer = site.customer()
    with site.connect(customer.client) as session:
        both = f"{SERVICE}, person@desk.example"
        content = customer.mail(body=INVOICE, to=both, subject="My question")
        reply = session.mail(content, SERVICE, "person@desk.example", sender=customer.address)
    assert reply.code == 250
    site.settle()
    copies = site.arrived(customer.message_id)
    got = sorted(address for copy in copies for address in copy.recipients)
    assert got == ["billing@desk.example", "person@desk.example"]


def test_what_is_sent_to_a_route_itself_stays_there(site: Site) -> None:
    customer = site.customer()
    site.write(
        customer, customer.mail(body=OUTAGE, to="billing@desk.example"), to="billing@desk.example"
    )
    site.settle()
    (mail,) = site.arrived(customer.message_id)
    assert mail.recipients == ("billing@desk.example",)


def test_the_clients_wish_for_a_notification_goes_along(site: Site) -> None:
    customer = site.customer()
    with site.connect(customer.client) as session:
        session.command(f"MAIL FROM:<{customer.address}>")
        session.command(f"RCPT TO:<{SERVICE}> NOTIFY=FAILURE,DELAY")
        session.command("DATA", 3)
        session.send(stuffed(customer.mail(body=INVOICE, to=SERVICE, subject="My question")))
        session.expect(2)
    site.settle()
    (mail,) = site.arrived(customer.message_id)
    assert mail.recipients == ("billing@desk.example",)
    (asked,) = [word for word in mail.parameters if word.startswith("NOTIFY=")]
    assert set(asked.removeprefix("NOTIFY=").split(",")) == {"FAILURE", "DELAY"}


def test_postfix_can_do_it_where_nobody_is_acknowledged() -> None:
    if reason := why_not():
        pytest.skip(reason)
    toml = MAILBOXES.replace('"recipient"', '"postfix"\nack = "off"')
    with running_site(toml=toml) as site:
        for body, recipient in (
            (INVOICE, "billing@desk.example"),
            (RECHNUNG, "billing-de@desk.example"),
            (PARCEL, SERVICE),
        ):
            assert written(site, site.customer(), body).recipients == (recipient,)
