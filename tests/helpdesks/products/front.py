"""Front, as its help pages describe it. Nobody of us has run it.

* Threads: help.front.com 6329yz, "Email threading and how to change your threading mode". The
  strictest mode, "regular", is taken: the others only join more.
* Conditions of rules: h429fb, "Guide to rule conditions": a header was not found in the stored
  part of it.
* Automatic mail: 80291j says that vacation responders leave it alone; for rules: not found.
"""

from email import message_from_bytes
from typing import Final

from tests.helpdesks.headers import bare_ids, first, message_id
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic


def take(raw: bytes, recipient: str) -> Taken:
    """The channel of the address, whose mail goes to the inbox that it belongs to."""
    return generic.by_address(raw, recipient)


def joins(raw: bytes, ticket: Ticket) -> bool:
    """The page speaks of References alone, so In-Reply-To is not counted on."""
    return message_id(ticket.first) in bare_ids(first(message_from_bytes(raw), "References"))


PRODUCT: Final = Product(
    profile="front",
    take=take,
    joins=joins,
    threads="References",
    evidence="documentation: help.front.com 6329yz, h429fb",
)
