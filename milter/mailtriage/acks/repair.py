"""Reply repair: a customer's answer to our acknowledgement finds its ticket.

A helpdesk has never seen the acknowledgement, so that an answer which names only that one, or which
is looked up by In-Reply-To alone (GitLab, Chatwoot), opens a second ticket. The answer passes us on
its way in: the original Message-ID takes the place that the customer's program would have given it.
"""

from typing import Final

from mailtriage.acks.fields import usable_id
from mailtriage.acks.model import Case
from mailtriage.acks.trust import is_authenticated
from mailtriage.state.ledger import Ledger

MOST_REFERENCES: Final = 900
"""Characters; RFC 5322 section 2.1.1 allows 998 a line, and the field is not folded."""


def repaired(case: Case, ledger: Ledger) -> tuple[tuple[str, str], ...]:
    """The two fields as they should be; empty when nothing is to be repaired.

    Only where the mailbox asks for it, for an acknowledgement of ours, by its signature, and when
    the one whom it was sent to is the one who answers, authenticated: nobody else gets to put a
    mail into somebody's ticket.
    """
    mailbox, mail = case.mailbox, case.mail
    if mailbox is None or mailbox.repair != "headers" or not is_authenticated(case):
        return ()
    for known in reversed(mail.references):
        key = case.tokens.read_ack_message_id(known)
        if key is None:
            continue
        original = usable_id(ledger.original_id(key, case.destination.address))
        if original:
            return _fields(original, mail.references)
    return ()


def _fields(original: str, references: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Of a long thread the newest stay, which a helpdesk still knows."""
    kept = [known for known in references if known != original and usable_id(known)]
    while kept and len(" ".join((original, *kept))) > MOST_REFERENCES:
        kept.pop(0)
    return (("In-Reply-To", original), ("References", " ".join((original, *kept))))
