"""From a mail and its triage to the `Case` that the rules look at."""

from dataclasses import replace

from mailtriage.acks.authentication import read_authentication
from mailtriage.acks.destinations import destination
from mailtriage.acks.model import Case
from mailtriage.acks.recipients import service_mailbox
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.mail.model import Mail
from mailtriage.state.ledger import Ledger, LedgerQuestion
from mailtriage.triage.model import Triage

BODY_FOR_KEY = 64 * 1024
"""Bytes of the body that stand in for a Message-ID."""


def make_case(
    mail: Mail,
    triage: Triage,
    config: Config,
    tokens: Tokens,
    ledger: Ledger,
    now: float,
    *,
    body: bytes = b"",
    body_seen: bool = True,
) -> Case:
    """Gather what the rules look at: one question to the ledger, nothing else.

    `now`: seconds since the epoch; `body`: the raw body, for mails without a Message-ID of their
    own. Never raises but for faults of ours.
    """
    mailbox, recipient = service_mailbox(mail, config)
    authentication = read_authentication(mail, config)
    where = destination(mail, config, mailbox, authentication)
    key = dedupe_key(mail, tokens, mailbox.address if mailbox else "", body)
    case = Case(
        mail=mail,
        triage=triage,
        config=config,
        tokens=tokens,
        mailbox=mailbox,
        recipient=recipient,
        destination=where,
        authentication=authentication,
        now=now,
        key=key,
        body_seen=body_seen,
    )
    return replace(case, history=ledger.look_up(question_about(case)))


def question_about(case: Case) -> LedgerQuestion:
    """What the ledger is asked about a mail."""
    return LedgerQuestion(
        key=case.key,
        mailbox=case.mailbox.address if case.mailbox else "",
        address=case.destination.address,
        subject=case.mail.subject,
        network=case.mail.client.address,
        message_id=case.mail.message_id,
        references=case.mail.references,
        now=case.now,
    )


def dedupe_key(mail: Mail, tokens: Tokens, mailbox: str, body: bytes) -> bytes:
    """What this mail is, however often it is sent: by its Message-ID, if it has one of its own.

    Postfix gives mails of local clients that have none a Message-ID with the queue id in it, before
    any milter sees them, so that each attempt has another: what the mail says stands in for it.
    """
    sender = mail.envelope.sender
    if has_own_message_id(mail):
        return tokens.dedupe_key(mailbox, sender, mail.message_id.encode("utf-8", "replace"))
    # Where Postfix made the one it may have made the other.
    date = b"" if mail.message_id else mail.headers.raw("Date")
    subject = mail.headers.raw("Subject")
    return tokens.dedupe_key(mailbox, sender, b"", date, subject, body[:BODY_FOR_KEY])


def has_own_message_id(mail: Mail) -> bool:
    """Whether the mail came with a Message-ID: cleanup(8) writes <time.QUEUEID@myhostname>."""
    return bool(mail.message_id) and not _made_by_postfix(mail)


def _made_by_postfix(mail: Mail) -> bool:
    queue_id = mail.queue_id
    return bool(queue_id) and f".{queue_id}@" in mail.message_id
