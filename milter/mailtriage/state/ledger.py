"""What is remembered of earlier mails, as far as it decides whether the next one is answered.

Nobody can read an address, a subject or a Message-ID out of the ledger: it holds keyed hashes.
One question a mail and one answer, so that a ledger on another machine costs one round trip.
"""

from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class LedgerQuestion:
    """One inbound mail, as the ledger knows it."""

    key: bytes
    """Dedupe key."""
    mailbox: str
    """Address of the service mailbox; empty when the mail is for none."""
    address: str
    """Who would be answered."""
    subject: str
    """As it came; the ledger compares it without "Re:" and the like, case and blanks."""
    network: str
    """Client address, to be counted by IPv4 address or IPv6 /64; empty when unknown."""
    message_id: str
    references: tuple[str, ...]
    """Message-IDs that the mail refers to, oldest first."""
    now: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that the mail refers to."""

    id: int
    same_sender: bool
    """Whether the writer is the one who began it."""
    last_activity: float
    """When the last mail of it passed, either way."""
    answered: float
    """When a human of the organisation last answered; 0: never."""
    acknowledged: float
    """When it was last acknowledged; 0: never."""
    promised: float
    """The time that the acknowledgement named; 0: none."""
    unanswered: int
    """Inbound mails since the acknowledgement or the last human answer, whichever is later."""
    skill: str = ""
    language: str = ""
    """Of the mail that began it, by which its later mails are routed; empty: not known."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known; the defaults say "nothing"."""

    handled: bool = False
    """Whether a mail with this key has been through the desk already."""
    last_ack: float = 0.0
    """When this mailbox last acknowledged a mail of this sender; 0: never."""
    same_subject: int = 0
    """Acknowledgements to this sender with this subject in the last 180 minutes."""
    to_sender: int = 0
    """Acknowledgements to this sender, from any mailbox, in the last 180 minutes."""
    to_sender_today: int = 0
    """The same in the last 24 hours."""
    to_network: int = 0
    """Acknowledgements to this client network in the last hour."""
    undeliverable: bool = False
    """Whether an acknowledgement to this address was refused for good in the last 60 days."""
    complained: bool = False
    """Whether a complaint (RFC 5965) about our mail to this address came in."""
    robot: bool = False
    """Whether the sender answered like a machine twice, in the last 24 hours (rule F13)."""
    conversation: Conversation | None = None


NOTHING_KNOWN: Final = History()


class Ledger(Protocol):
    """A view of the ledger that changes nothing."""

    def look_up(self, question: LedgerQuestion) -> History:
        """Everything that is known. Never raises: what cannot be read is not known."""

    def original_id(self, key: bytes, address: str) -> str:
        """Message-ID of the mail with that key, if it was acknowledged to that address and kept for
        reply repair; else empty. Never raises."""


class EmptyLedger:
    """For `explain`, `ack` and the demonstration: nothing happened before."""

    def look_up(self, question: LedgerQuestion) -> History:  # noqa: ARG002  the shape of Ledger
        """Nothing."""
        return NOTHING_KNOWN

    def original_id(self, key: bytes, address: str) -> str:  # noqa: ARG002  the shape of Ledger
        """None."""
        return ""


NO_LEDGER: Final[Ledger] = EmptyLedger()
