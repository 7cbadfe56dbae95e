"""What a door does about acknowledgements: what it announces, and whether the desk hears of a mail.

The desk hears through a hidden recipient, so of accepted mail only. Mail that leads to nothing
there (bounces, lists, robots, mail for nobody in particular) gets none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mailtriage.acks import recipients
from mailtriage.acks.case import dedupe_key, make_case
from mailtriage.acks.content import is_complaint
from mailtriage.acks.decide import decide
from mailtriage.acks.model import Announced, Authentication, Case, Destination, Verdict
from mailtriage.acks.order import KbLink
from mailtriage.acks.recipients import service_mailbox
from mailtriage.acks.seal import Facts
from mailtriage.acks.settled import says_settled
from mailtriage.acks.tokens import KEY_BYTES, Tokens
from mailtriage.config.sections import Config
from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_mail
from mailtriage.state.ledger import Ledger, LedgerQuestion
from mailtriage.triage.kind import by_headers
from mailtriage.triage.model import Kind, Thread, Triage

SHORT: Final = 3
"""Lines of its own with which an answer looks like a robot's (rule F13)."""

LOOP_FIELD: Final = "X-Mailtriage-Loop"

_NO_MAILBOX: Final = next(
    Verdict(Announced.NONE, rule.id, why=rule.why) for rule in recipients.RULES if rule.id == "E1"
)
_OWN: Final = frozenset({"B7", "B8"})
"""Rules about our own mail that came back."""
_IDENTITY: Final = frozenset({"message-id", "date", "subject", "to", "cc"})
"""What a key is made of: To: and Cc: tell which mailbox answers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for one inbound mail."""

    case: Case
    verdict: Verdict
    recipient: str
    """The hidden recipient; empty: the mail leads to nothing at the desk."""
    kb: KbLink | None = None
    """The paragraph that the acknowledgement links to."""
    passage: int = -1
    """Its number in the section; -1: none."""

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
            # Robots are known already; what they say need not be cut into new and quoted.
            short=case.triage.kind is Kind.HUMAN and is_short(case.mail),
            # Downwards: what was below a threshold must not reach it on its way to the desk.
            confidence=int(100 * case.triage.language_confidence),
            client=case.mail.client.address,
            at=int(case.now),
            passage=self.passage,
            settled=case.triage.thread is not Thread.NEW and says_settled(case.mail),
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
    thorough: bool = False,
) -> Plan:
    """The plan for a mail that came from outside. The arguments are those of `make_case`.

    Where no service mailbox is configured at all, nothing is asked but that (rule E1), unless
    `thorough`: whoever wants the tags alone does not pay for the other rules.
    """
    if not config.mailboxes.mailboxes and not thorough:
        return Plan(_nobodys(mail, triage, config, tokens, now), _NO_MAILBOX, "")
    case = make_case(mail, triage, config, tokens, ledger, now, body=body)
    return _plan(case)


def plan_again(plan: Plan, triage: Triage) -> Plan:
    """The plan as it would be if acknowledging were not only tried, and the tags were those."""
    mailbox = plan.case.mailbox
    if mailbox is None:
        return replace(plan, case=replace(plan.case, triage=triage))
    live = replace(mailbox, ack=mailbox.planned_ack)
    return _plan(replace(plan.case, triage=triage, mailbox=live))


def _plan(case: Case) -> Plan:
    verdict = decide(case)
    matters = is_complaint(case.mail) or not leads_nowhere(case.triage, verdict)
    recipient = ""
    if case.mailbox is not None and matters:
        recipient = case.tokens.hidden_recipient(case.key, "in")
    return Plan(case, verdict, recipient)


def leads_nowhere(triage: Triage, verdict: Verdict) -> bool:
    """Whether nothing follows from a mail: nobody is answered, and no human wrote it."""
    if not verdict.rule:
        return False
    return triage.kind is not Kind.HUMAN or verdict.rule in _OWN


def _nobodys(mail: Mail, triage: Triage, config: Config, tokens: Tokens, now: float) -> Case:
    """The case of a mail that cannot be for a service mailbox: nothing is looked up."""
    return Case(
        mail=mail,
        triage=triage,
        config=config,
        tokens=tokens,
        mailbox=None,
        recipient="",
        destination=Destination(""),
        authentication=Authentication(),
        now=now,
        key=bytes(KEY_BYTES),
    )


def outbound_recipient(
    mail: Mail, config: Config, tokens: Tokens, ledger: Ledger, now: float
) -> str:
    """The hidden recipient of a mail of the organisation's own; empty when it is no answer.

    An answer comes from a service mailbox, or belongs to a conversation that is known. An automatic
    one counts when it refers to a mail: the helpdesk's own acknowledgement does.
    """
    if LOOP_FIELD in mail.headers:
        return ""  # our own: somebody has put the milter on the port that it is handed in at
    if not mail.references and (is_automatic(mail) or not _is_from_mailbox(mail, config)):
        return ""
    key = _outbound_key(mail, tokens)
    if not _is_from_mailbox(mail, config):
        question = LedgerQuestion(
            key, "", "", "", "", mail.message_id, references=mail.references, now=now
        )
        if ledger.look_up(question).conversation is None:
            return ""
    return tokens.hidden_recipient(key, "out")


def is_automatic(mail: Mail) -> bool:
    """Whether no human wrote a mail of the organisation's own, as far as its header tells."""
    return not mail.envelope.sender or by_headers(mail) is not None


def _is_from_mailbox(mail: Mail, config: Config) -> bool:
    addresses = (mail.from_address, mail.envelope.sender)
    return any(config.mailboxes.find(address) is not None for address in addresses if address)


def _outbound_key(mail: Mail, tokens: Tokens) -> bytes:
    sender = mail.envelope.sender
    if mail.message_id:
        return tokens.dedupe_key("", sender, mail.message_id.encode("utf-8", "replace"))
    headers = mail.headers
    return tokens.dedupe_key("", sender, b"", headers.raw("Date"), headers.raw("Subject"))


def unread_recipient(
    headers: Sequence[tuple[str, bytes]],
    body: bytes,
    envelope: Envelope,
    queue_id: str,
    config: Config,
    tokens: Tokens,
) -> str:
    """The hidden recipient of an inbound mail that passes unread: the desk will judge it."""
    if not envelope.sender:
        return ""  # never answered
    few = [field for field in headers if field[0].lower() in _IDENTITY]
    mail = read_mail(few, b"", envelope=envelope, queue_id=queue_id)
    mailbox, _ = service_mailbox(mail, config)
    if mailbox is None:
        return ""
    return tokens.hidden_recipient(dedupe_key(mail, tokens, mailbox.address, body), "in")
