"""The acknowledgement that would go out for a mail, for `ack`, `explain` and the demonstration."""

import datetime as dt
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from zoneinfo import ZoneInfo

from mailtriage.acks.compose import Order, compose
from mailtriage.acks.draft import draft
from mailtriage.acks.model import Announced
from mailtriage.acks.plan import Plan
from mailtriage.acks.promise import config_calendar
from mailtriage.acks.templates import Texts


@dataclass(frozen=True, slots=True)
class Preview:
    """A finished acknowledgement."""

    order: Order
    message: bytes
    by: dt.datetime | None
    """The promised time in the zone of the calendar."""

    @property
    def parsed(self) -> EmailMessage:
        """The message, to be read field by field."""
        parsed = message_from_bytes(self.message, policy=SMTP)
        assert isinstance(parsed, EmailMessage)  # noqa: S101  what the policy makes
        return parsed

    @property
    def text(self) -> str:
        """The text part, as the customer reads it."""
        part = self.parsed.get_body(("plain",))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def preview(plan: Plan, texts: Texts) -> Preview | None:
    """What would be sent; None when nothing would. Raises ComposeError."""
    case, mailbox = plan.case, plan.case.mailbox
    if mailbox is None or plan.verdict.announced is not Announced.SENT:
        return None
    order = draft(case, mailbox, plan.verdict, kb=plan.kb)
    message = compose(order, case.config, texts, case.tokens, case.now)
    by = None
    if order.by:
        zone = ZoneInfo(config_calendar(case.config, mailbox).timezone)
        by = dt.datetime.fromtimestamp(order.by, zone)
    return Preview(order, message, by)
