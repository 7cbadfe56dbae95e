"""Mails and acknowledgements on their way into the store."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inbound:
    """A mail that came in, as it is remembered."""

    key: bytes
    """Dedupe key."""
    mailbox: str
    """Address of the service mailbox."""
    address: str
    """Who would be answered; may be empty."""
    subject: str
    """As it came."""
    network: str
    """Address of the client; may be empty."""
    message_id: str
    references: tuple[str, ...]
    """Message-IDs that it refers to, oldest first."""
    received: float
    """Seconds since the epoch."""
    rule: str
    """Id of the rule that forbids an acknowledgement; empty: acknowledged or delegated."""
    announced: str
    """Value of X-Mailtriage-Ack."""
    kind: str
    skill: str
    priority: str
    language: str
    topic: str
    thread: str
    promised: float
    """The time that the acknowledgement names; 0: none."""
    short: bool = False
    """Whether it has three lines or fewer that are no quotation (rule F13)."""
    mood: str = ""
    answer: str = ""
    """Value of X-Mailtriage-Answer: the template that was suggested to agents; empty: none."""
    settled: bool = False
    """Whether it says that the matter is settled, and nothing else (acks/settled.py)."""
    writers: tuple[str, ...] = ()
    """Further addresses of the same person (From, Reply-To), to which a human may answer."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What may follow an acknowledgement: kept beside it, with the address."""

    plan: str
    """The order of the acknowledgement, as JSON."""
    wants: str
    """What is switched on: `updates`, `survey`, or both with a blank between them."""
    promised: float
    """Seconds since the epoch, as the next two; 0: no time was named."""
    due: float
    """When to look at it for the first time."""
    expires: float
    """When it goes, whatever happens."""


@dataclass(frozen=True, slots=True)
class NewAck:
    """An acknowledgement that is owed from now on."""

    key: bytes
    """Of the mail that it acknowledges."""
    mailbox: str
    address: str
    domain: str
    """Of `address`, lower case."""
    message: bytes
    """Ready to be sent."""
    created: float
    """Also the time that counts for the limits. Seconds since the epoch, as the next two."""
    due: float
    """When it may go out; of a waiting one, when it goes out as it is."""
    expires: float
    order: str = ""
    """What to render again when the ticket is known, as JSON; empty: nothing."""
    waiting: bool = False
    """Whether it waits for the helpdesk's ticket number (deferred)."""
    original_id: str = ""
    """Message-ID of the mail in clear, only where answers are repaired (Mailbox.repair)."""
    follow_up: FollowUp | None = None


@dataclass(frozen=True, slots=True)
class Outbound:
    """A mail of the organisation's own that went out."""

    key: bytes
    message_id: str
    references: tuple[str, ...]
    """Message-IDs that it refers to, oldest first."""
    sent: float
    """Seconds since the epoch."""
    recipients: tuple[str, ...]
    """Whom it names in To and Cc; empty when it does not say."""
    automatic: bool
    """Whether no human wrote it."""
    ticket: str = ""
    """The helpdesk's token for the case, if one was found."""


@dataclass(frozen=True, slots=True)
class WaitingAck:
    """A deferred acknowledgement whose ticket is known now."""

    key: bytes
    order: str


@dataclass(frozen=True, slots=True)
class OutboundEffect:
    """What an outbound mail led to."""

    conversation: int | None = None
    double_ack: bool = False
    """Whether the customer hears twice: an automatic mail of the helpdesk went to whom we have just
    acknowledged, or are acknowledging at this moment."""
    suppressed: tuple[bytes, ...] = ()
    """Keys of what does not go out any more: marked so already, acknowledgements with rule G8 after
    an automatic mail to the customer, and everything with "answered" after one of a human."""
    release: tuple[WaitingAck, ...] = ()
    """To be rendered with the ticket, and handed to `Store.release`."""
