"""Intercom, as its help pages describe it. Nobody of us has run it.

* Threads: intercom.com 7996715, "Email threading": References and In-Reply-To against the
  Message-IDs of a conversation; also from senders who are not yet part of it.
* Addresses: 6522819, "Automatically forward emails to the Inbox"; assignment by the address that a
  mail was sent to: "Assignment Rules", in the copy at docs.projectmap.io.
* Who is answered: 7339364, "Detect customers in forwarded emails": From, or Reply-To where From is
  an address of the company.
* A condition on headers, and how it knows robots: not found. RFC 3834 is assumed for the second.
"""

from typing import Final

from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic


def take(raw: bytes, recipient: str) -> Taken:
    """The team to which mail for that address is assigned."""
    return generic.by_address(raw, recipient)


def joins(raw: bytes, ticket: Ticket) -> bool:
    """7996715, in full: the sender does not matter."""
    return generic.joins(raw, ticket)


PRODUCT: Final = Product(
    profile="intercom",
    take=take,
    joins=joins,
    threads="References or In-Reply-To",
    evidence="documentation: intercom.com 7996715, 6522819",
)
