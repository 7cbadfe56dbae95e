"""[dry_run] and [exempt] through a real Postfix, wired as printed, the sweeper included."""

from collections.abc import Iterator

import pytest

from tests.support.mails import assert_tagged, ours
from tests.support.sink import Delivery
from tests.support.site import HELPDESK, Customer, Site, running_site, why_not

pytestmark = pytest.mark.e2e

LIVE, ACKS, TAGS = "live@desk.example", "acks@desk.example", "tags@desk.example"
TRIAL = f"""
profile = "zammad"
ack = "send"
[mailboxes."{LIVE}"]
dry_run = false
[dry_run]
all = true
"""
"""The first lines belong to help@desk.example, whose section comes last in the site's own file."""
FORGED = (
    "X-Mailtriage-Priority: urgent\nX-Mailtriage-Dry-Run: v=1; prio=urgent;\n"
    "X-Zammad-Ticket-Group: Board\n"
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=TRIAL) as running:
        yield running


def arrived(site: Site, customer: Customer) -> Delivery:
    """The customer's mail, once nothing is under way any more."""
    site.settle()
    (mail,) = site.arrived(customer.message_id)
    return mail


def below_received(mail: Delivery) -> bytes:
    """Without what Postfix itself puts on top."""
    lines = mail.content.split(b"\r\n")
    start = next(n for n, line in enumerate(lines) if line.lower().startswith(b"received:"))
    end = start + 1
    while lines[end][:1] in (b" ", b"\t"):
        end += 1
    return b"\r\n".join([*lines[:start], *lines[end:]])


def test_only_the_one_field_is_added_and_forged_ones_go(site: Site) -> None:
    customer = site.customer()
    clean = customer.mail()
    forged = customer.mail(header=FORGED)
    site.write(customer, forged)
    mail = arrived(site, customer)
    ((name, value),) = ours(mail.header)
    assert name == "X-Mailtriage-Dry-Run"
    assert "skill=delivery;" in value
    assert value.endswith("ack=sent;")
    added = f"{name}: {value}\r\n".encode()
    assert below_received(mail).replace(added, b"", 1) == clean.replace(b"\n", b"\r\n")
    assert site.acks_to(customer.address) == []
    assert site.outbox() == {}
    line = site.logged("event=mail", "dry_run=tags,acknowledge,route", "would_ack=sent")
    assert "ack=none" in line


def test_only_the_helpdesk_gets_it(site: Site) -> None:
    customer = site.customer()
    queue_id = site.write(customer)
    arrived(site, customer)
    lines = [line for line in site.postfix.log().splitlines() if f" {queue_id}: to=" in line]
    hidden = [line for line in lines if "to=<t1." in line]
    assert hidden == [], "the milter tells nobody; the sweeper does, whatever we do"
    assert site.acks_to(customer.address) == []


def test_a_mailbox_that_has_gone_live_is_tagged_and_acknowledges(site: Site) -> None:
    customer = site.customer()
    site.write(customer, to=LIVE)
    ack = site.wait_for_ack(customer.address)
    mail = arrived(site, customer)
    assert_tagged([field for field in mail.header if field[0] != "Received"])
    assert ("From", LIVE) in [(name, value.strip("<>")) for name, value in ack.header]


def test_answers_of_the_helpdesk_stay_as_they_are(site: Site) -> None:
    customer = site.customer()
    answer = (
        f"From: Desk <help@desk.example>\nTo: {customer.address}\nSubject: Re: parcel\n"
        f"Date: Mon, 23 Nov 2026 10:00:00 +0100\nMessage-ID: <a{customer.number}@desk.example>\n"
        "References: <x@customer.example>\n\nIt is on its way.\n"
    ).encode()
    assert (
        site.send(answer, sender="help@desk.example", to=customer.address, client=HELPDESK).code
        == 250
    )
    site.settle()
    (mail,) = site.arrived(f"<a{customer.number}@desk.example>")
    assert below_received(mail) == answer.replace(b"\n", b"\r\n")


# One part of it at a time, and exempt mail.

PARTS = f"""
dry_run = true
[mailboxes."{LIVE}"]
[dry_run]
actions = ["tags"]
[exempt]
senders = ["@partner.example"]
"""


@pytest.fixture(scope="module")
def tags_tried() -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=PARTS) as running:
        yield running


def test_without_tags_the_desk_judges_and_answers_once(tags_tried: Site) -> None:
    customer = tags_tried.customer()
    tags_tried.write(customer, to=LIVE)
    tags_tried.wait_for_ack(customer.address)
    mail = arrived(tags_tried, customer)
    assert [name for name, _ in ours(mail.header)] == ["X-Mailtriage-Dry-Run"]
    assert len(tags_tried.acks_to(customer.address)) == 1


def test_the_mailbox_whose_mail_it_is_decides(tags_tried: Site) -> None:
    both = (f"help@{tags_tried.domain}", LIVE)
    for first, second, answered in ((*both, 0), (both[1], both[0], 1)):
        customer = tags_tried.customer()
        content = customer.mail(to=f"{first}, {second}")
        with tags_tried.connect(customer.client) as session:
            # In the other order, which does not matter.
            assert session.mail(content, second, first, sender=customer.address).code == 250
        if answered:
            tags_tried.wait_for_ack(customer.address)
        tags_tried.settle()
        assert len(tags_tried.acks_to(customer.address)) == answered, first


@pytest.mark.parametrize("milter", ["up", "down"])
def test_exempt_mail_is_left_alone(tags_tried: Site, milter: str) -> None:
    customer = tags_tried.customer()
    sender = f"kim{customer.number}@partner.example"
    clean = customer.mail(to=LIVE).replace(
        f"spf=pass smtp.mailfrom={customer.domain}".encode(),
        b"spf=pass smtp.mailfrom=partner.example",
    )
    forged = clean.replace(b"\n\n", f"\n{FORGED}\n".encode(), 1)
    if milter == "down":
        tags_tried.administer("postconf -e 'smtpd_milters='")
    try:
        tags_tried.write(customer, forged, to=LIVE, sender=sender)
        mail = arrived(tags_tried, customer)
    finally:
        if milter == "down":
            tags_tried.wire()
    assert ours(mail.header) == []
    kept = [line for line in FORGED.splitlines() if line.startswith("X-Zammad")]
    with_zammad = clean.replace(b"\n\n", f"\n{kept[0]}\n\n".encode(), 1)
    assert below_received(mail) == with_zammad.replace(b"\n", b"\r\n"), "no profile, no stripping"
    assert tags_tried.acks_to(sender) == []
