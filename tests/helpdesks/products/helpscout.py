"""Help Scout, as its help pages describe it. Nobody of us has run it.

* Conditions of workflows: docs.helpscout.com 502, "Workflow Conditions and Actions": customer, To,
  Cc, subject, body, tags and times. No header, though a user of another helpdesk says that there
  is one (freescout-help-desk/freescout, issue 876): taken as not there.
* How it finds the conversation of an answer, and how it knows robots: not found.
"""

from typing import Final

from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic


def take(raw: bytes, recipient: str) -> Taken:
    """The inbox of the address. Robots as RFC 3834 has them, assumed."""
    return generic.by_address(raw, recipient)


def joins(_raw: bytes, _ticket: Ticket) -> bool:
    """Not found: taken as never, so that nothing of ours rests on it."""
    return False


PRODUCT: Final = Product(
    profile="helpscout",
    take=take,
    joins=joins,
    threads="not found",
    evidence="documentation: docs.helpscout.com 502",
)
