"""HubSpot's conversations inbox and help desk, as its help pages describe them. Nobody has run it.

* Spam and automatic mail: knowledge.hubspot.com, "Manage the allow and deny list in the
  conversations inbox", and its older form "Set up email filters in your conversations inbox", with
  the list of local parts that count as role based.
* Routing: "Connect channels to the conversations inbox" and "Route tickets in help desk": by
  channel. A condition on headers was not found.
* How it finds the ticket of an answer: not found.
"""

from email import message_from_bytes
from typing import Final

from tests.helpdesks.headers import queue_of, sender_of
from tests.helpdesks.product import Product, Taken, Ticket
from tests.helpdesks.products import generic

# "A complete list of role-based emails", 2021: mail from these was moved to "Filtered".
ROLES: Final = (
    "abuse", "admin", "alert", "billing", "compliance", "devnull", "dns", "finance", "ftp",
    "hostmaster", "info", "infrastructure", "inoc", "ispfeedback", "ispsupport", "it", "list",
    "list-request", "maildaemon", "mailer-daemon", "marketing", "no-reply", "noc", "noreply",
    "null", "phish", "phishing", "postmaster", "privacy", "registrar", "root", "sales",
    "security", "spam", "support", "sysadmin", "tech", "undisclosed-recipients", "unsubscribe",
    "usenet", "uucp", "webmaster", "www",
)  # fmt: skip


def take(raw: bytes, recipient: str) -> Taken:
    """The channel of the address; what it filters is out of the team's sight, so not accepted."""
    sender = sender_of(message_from_bytes(raw))
    robot = generic.take(raw, recipient).robot
    filtered = robot or sender.partition("@")[0] in ROLES
    return Taken(accepted=not filtered, robot=robot, queue=queue_of(recipient))


def joins(_raw: bytes, _ticket: Ticket) -> bool:
    """Not found: taken as never, so that nothing of ours rests on it."""
    return False


PRODUCT: Final = Product(
    profile="hubspot",
    take=take,
    joins=joins,
    threads="not found",
    evidence="documentation: knowledge.hubspot.com, inbox allow and deny list, channels",
)
