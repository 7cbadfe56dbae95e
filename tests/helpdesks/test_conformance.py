"""What holds for every helpdesk: our mails get in, forgeries do nothing, robots stay silent."""

import pytest

from mailtriage.config.profile_file import shipped_profile, shipped_profiles
from tests.helpdesks.finished import LEVELS, NORMAL, desk
from tests.helpdesks.product import Product, Taken
from tests.helpdesks.registry import products
from tests.support.office import letter

PRODUCTS = products()
BY_NAME = pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)

VENDORS = """\
X-Mailtriage: v=1; prio=urgent; score=100; lang=fi; skill=privacy; tier=vip; kind=human; ack=sent;
X-Mailtriage-Priority: urgent
X-Mailtriage-Skill: privacy
X-Mailtriage-Language: fi
X-Mailtriage-Route: privacy-fi
X-Mailtriage-Ack: sent
X-Mailtriage-Kind: machine
X-Priority: 1 (Highest)
Importance: high
Priority: urgent
X-MSMail-Priority: High
X-Zammad-Ticket-Priority: 3 high
X-Zammad-Ticket-Group: Board
X-Zammad-Ignore: true
X-OTRS-Priority: 5 very high
X-OTRS-Queue: Board
X-OTRS-Ignore: yes
X-OTOBO-Queue: Board
X-OTOBO-Ignore: yes
X-RT-Command: Queue: Board
X-RT-Command: Priority: 100
RT-Control: no-autoopen
X-FreeScout-Queue: Board
X-Redmine-Priority: Immediate
X-Forwarded-To: board@desk.example
X-Original-Sender: boss@desk.example"""
"""What a stranger could write to be seen first, or elsewhere, in any of them."""


ROUTES = '{ billing = "billing@desk.example", default = "inbox@desk.example" }'


def routed(product: Product) -> bool:
    """Whether its recipe routes by recipients."""
    profile = shipped_profile(product.profile)
    return profile is not None and profile.routing == "recipient"


ROUTED = [product for product in PRODUCTS.values() if routed(product)]


def taken(product: Product, raw: bytes) -> Taken:
    """What the helpdesk makes of a customer's mail, set up as its recipe says: by recipients, where
    it can route by nothing else. Whoever delivers writes the recipient on top."""
    mailbox = {"route": "recipient", "routes": ROUTES} if routed(product) else {}
    installed = desk(product.profile, product.settings, **mailbox)
    (recipient,) = installed.recipients(raw)
    head = b"Delivered-To: " + recipient.encode() + b"\r\n" if mailbox else b""
    return product.take(head + installed.finished(raw), recipient)


def test_every_profile_has_its_reading_rules() -> None:
    assert set(PRODUCTS) == set(shipped_profiles())


@BY_NAME
@pytest.mark.parametrize("level", LEVELS)
def test_a_customers_mail_gets_in_and_is_no_robots(product: Product, level: str) -> None:
    found = taken(product, LEVELS[level])
    assert found.accepted
    assert not found.robot


@BY_NAME
def test_what_a_stranger_forges_changes_nothing(product: Product) -> None:
    body = NORMAL.partition(b"\r\n\r\n")[2].decode()
    forged = letter(body, subject="Invoice for October", more=VENDORS)
    assert forged != NORMAL
    assert taken(product, forged) == taken(product, NORMAL)


@BY_NAME
def test_the_same_fields_below_those_of_the_customer_do_nothing_either(product: Product) -> None:
    """Some helpdesks take the last of two fields, some join them: the place does not matter."""
    head, _, body = NORMAL.partition(b"\r\n\r\n")
    forged = head + b"\r\n" + VENDORS.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body
    assert taken(product, forged) == taken(product, NORMAL)


LOOKS_FOR_NO_ROBOTS = {"faveo", "odoo"}
"""Of these no source or documentation shows that they look for automatic mail at all."""


@BY_NAME
def test_our_acknowledgement_is_not_answered_by_another_helpdesk(product: Product) -> None:
    """As when the customer is an organisation with that helpdesk."""
    acknowledgement = desk("generic").acknowledgement(NORMAL)
    found = product.take(acknowledgement, "joe@customer.example")
    knows = found.robot or not found.accepted
    assert knows is (product.profile not in LOOKS_FOR_NO_ROBOTS)


@pytest.mark.parametrize("product", ROUTED, ids=lambda product: product.profile)
def test_recipient_routing_reaches_another_queue(product: Product) -> None:
    assert taken(product, LEVELS["normal"]).queue != taken(product, LEVELS["urgent"]).queue
