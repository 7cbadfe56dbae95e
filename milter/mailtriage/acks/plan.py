"""What a door does about acknowledgements: what it announces, and whether the desk hears of a mail.

The desk hears through a hidden recipient, so of accepted mail only. Mail that leads to nothing
there (bounces, lists, robots, mail for nobody in particular) gets none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.case import dedupe_key, make_case
from mailtriage.acks.content import is_complaint
from mailtriage.acks.decide import decide
from mailtriage.acks.model import Case, Verdict
from mailtriage.acks.seal import Facts
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_mail
from mailtriage.state.ledger import Ledger, LedgerQuestion
from mailtriage.triage.model import Kind, Triage

SHORT: Final = 3
"""Lines of its own with which an answer looks like a robot's (rule F13)."""

LOOP_FIELD: Final = "X-Mailtriage-Loop"

_IDENTITY: Final = frozenset({"message-id", "date", "subject"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for one inbound mail."""

    case: Case
    verdict: Verdict
    recipient: str
    """The hidden recipient; empty: the mail leads to nothing at the desk."""

    def facts(self) -> Facts:
        """What goes under the seal."""
        case, verdict = self.case, self.verdict
        mailbox = case.mailbox.address if case.mailbox else ""
        return Facts(
            mailbox=case.tokens.mailbox_name(mailbox),
            rule=verdict.rule,
            source=case.destination.source,
            generic=verdict.generic,
            repeat_subject=verdict.repeat_subject,
            short=is_short(case.mail),
            confidence=round(100 * case.triage.language_confidence),
            client=case.mail.client.address,
            at=int(case.now),
        )


def is_short(mail: Mail) -> bool:
    """Whether it says no more than a few lines of its own."""
    lines = [line for line in mail.newest_text.splitlines() if line.strip()]
    return len(lines) <= SHORT


def plan_inbound(
    mail: Mail,
    triage: Triage,
    config: Config,
    tokens: Tokens,
    ledger: Ledger,
    now: float,
    *,
    body: bytes = b"",
) -> Plan:
    """The plan for a mail that came from outside. The arguments are those of `make_case`."""
    case = make_case(mail, triage, config, tokens, ledger, now, body=body)
    verdict = decide(case)
    matters = triage.kind is Kind.HUMAN or not verdict.rule or is_complaint(mail)
    recipient = ""
    if case.mailbox is not None and matters:
        recipient = tokens.hidden_recipient(case.key, "in")
    return Plan(case, verdict, recipient)


def outbound_recipient(
    mail: Mail, config: Config, tokens: Tokens, ledger: Ledger, now: float
) -> str:
    """The hidden recipient of a mail of the organisation's own; empty when it is no answer.

    An answer comes from a service mailbox, or belongs to a conversation that is known. An automatic
    one counts when it refers to a mail: the helpdesk's own acknowledgement does.
    """
    if LOOP_FIELD in mail.headers:
        return ""  # our own: somebody has put the milter on the port that it is handed in at
    automatic = "Auto-Submitted" in mail.headers or not mail.envelope.sender
    if automatic and not mail.references:
        return ""
    from_mailbox = any(
        address and config.mailboxes.find(address) is not None
        for address in (mail.from_address, mail.envelope.sender)
    )
    key = tokens.dedupe_key("", mail.envelope.sender, mail.message_id.encode("utf-8", "replace"))
    if not from_mailbox:
        if not mail.references:
            return ""
        question = LedgerQuestion(
            key, "", "", "", "", mail.message_id, references=mail.references, now=now
        )
        if ledger.look_up(question).conversation is None:
            return ""
    return tokens.hidden_recipient(key, "out")


def unread_recipient(
    headers: Sequence[tuple[str, bytes]],
    body: bytes,
    envelope: Envelope,
    queue_id: str,
    config: Config,
    tokens: Tokens,
) -> str:
    """The hidden recipient of an inbound mail that passes unread: the desk will judge it."""
    for recipient in envelope.recipients:
        mailbox = config.mailboxes.find(recipient)
        if mailbox is not None and envelope.sender:
            few = [field for field in headers if field[0].lower() in _IDENTITY]
            mail = read_mail(few, b"", envelope=envelope, queue_id=queue_id)
            key = dedupe_key(mail, tokens, mailbox.address, body)
            return tokens.hidden_recipient(key, "in")
    return ""
