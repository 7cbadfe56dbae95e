"""A mail of the organisation's own that went out: an agent's answer, or the helpdesk's robot."""

import re
from typing import Final

from mailtriage.acks.plan import is_automatic
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.mail.address import parse_mailboxes
from mailtriage.mail.model import Mail
from mailtriage.state.store import Outbound

# The token by which a helpdesk finds its ticket again: "[rt.example #17]", "[Ticket#2026112310]",
# "[#17]", "[PROJ-17]". It is repeated to the customer exactly as it stands.
_TICKET: Final = re.compile(
    r"\[(?:[^\[\]\r\n]{0,60}[\s#])?(?:#|Ticket#|ticket#)\s?\d{1,20}\]|\[[A-Z][A-Z0-9]{1,9}-\d{1,9}\]"
)


def ticket_of(subject: str, profile: Profile = GENERIC) -> str:
    """The helpdesk's token in a subject of its own, as its profile says it looks, else in one of
    the usual forms; empty when there is none."""
    form = profile.ticket_subject
    found = form.search(subject[:500]) if form is not None else None
    found = found or _TICKET.search(subject[:500])
    return found[0] if found else ""


def outbound_of(mail: Mail, key: bytes, now: float, profile: Profile = GENERIC) -> Outbound:
    """What is remembered of it. `now`: seconds since the epoch; `profile`: of the helpdesk that
    sent it."""
    recipients = [
        mailbox.address
        for name in ("To", "Cc")
        for header in mail.headers.fields(name)
        for mailbox in parse_mailboxes(header.raw)
    ]
    return Outbound(
        key=key,
        message_id=mail.message_id,
        references=mail.references,
        sent=now,
        recipients=tuple(dict.fromkeys(recipients))[:100],
        automatic=is_automatic(mail),
        ticket=ticket_of(mail.subject, profile),
    )
