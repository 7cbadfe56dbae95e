"""What the rules look at, and what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mailtriage.acks.tokens import Tokens
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.mail.model import Mail
from mailtriage.state.ledger import NOTHING_KNOWN, History
from mailtriage.triage.model import Triage


class Announced(StrEnum):
    """X-Mailtriage-Ack: what the helpdesk is told."""

    SENT = "sent"
    """An acknowledgement goes out once Postfix has committed the mail."""
    DELEGATED = "delegated"
    """The helpdesk is to send it: no rule forbids one."""
    SKIPPED = "skipped"
    """A rule forbids it."""
    NONE = "none"
    """Acknowledgements are not this mail's matter: no service mailbox, or switched off."""


Generic = Literal["", "encrypted", "empty", "unseen"]
"""Why an acknowledgement must say nothing of the matter; empty when it may."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One result of one authentication method (RFC 8601 section 2.2)."""

    result: str
    """Lower case: pass, fail, softfail, neutral, none, temperror, permerror, policy."""
    domain: str
    """What was authenticated, lower case, A-labels: smtp.mailfrom's domain (smtp.helo's when the
    reverse-path is empty), header.d, header.from's domain. Empty when the field does not say."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """What servers that we trust found out about a mail. Nothing of other servers is in here."""

    trusted: bool = False
    """Whether any Authentication-Results field of a trusted authserv-id was there."""
    spf: MethodResult | None = None
    dkim: tuple[MethodResult, ...] = ()
    dmarc: MethodResult | None = None
    arc: MethodResult | None = None
    """domain is that of the sealer (arc.closest-fail or header.d as far as the field says it)."""
    spam: str = ""
    """What of a spam verdict forbids an answer ("spam-flag", "score"); empty: none does."""
    covered_by: str = ""
    """When no field is trusted, but one has the right authserv-id: the server whose Received:
    stands above it, and which is not known as one of ours."""


Source = Literal["sender", "from", "reply-to"]
"""Where an address comes from: the reverse-path (RFC 3834 section 4), From: (opt-in), Reply-To:
(allow-listed web forms)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the acknowledgement would go."""

    address: str
    """Lower-case domain, local part as it came; empty when there is none to be had."""
    source: Source = "sender"

    @property
    def local_part(self) -> str:
        """What stands before the last @."""
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """What stands behind the last @, lower case."""
        return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Case:
    """One inbound mail and all that is known when it is decided whether to answer it."""

    mail: Mail
    triage: Triage
    config: Config
    tokens: Tokens
    mailbox: Mailbox | None
    """The service mailbox that answers (rule E5); None when no recipient is one."""
    recipient: str
    """The envelope recipient that led to the mailbox; empty when none did."""
    destination: Destination
    authentication: Authentication
    now: float
    """Seconds since the epoch."""
    key: bytes
    """Dedupe key: what this mail is, however often a client sends it."""
    history: History = NOTHING_KNOWN
    body_seen: bool = True
    """False when only the header is at hand: no analysis, and desk.copy is "headers"."""


Forbids = Callable[[Case], str | None]
"""None when the rule has nothing against an answer; else what it hit, in a word or two out of
[a-z0-9.-] that quote nothing private ("list-id", "spf-none"), or "" when its id says all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of docs/acknowledgements.md."""

    id: str
    """Letter and number, as in the header, the log, the metric and the documentation."""
    why: str
    """For people, behind "no acknowledgement, because": "the reverse-path is empty"."""
    forbids: Forbids
    uses_history: bool = False
    """Whether it looks at `Case.history`: such rules are asked again at the desk, whose view of
    the ledger is exact, while a door's may be a moment old."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one mail."""

    announced: Announced
    rule: str = ""
    """Id of the rule that forbids; empty when none does."""
    detail: str = ""
    why: str = ""
    generic: Generic = ""
    repeat_subject: bool = False
    """Whether the subject may be repeated: only to who is authenticated (RFC 3834 section 6)."""
