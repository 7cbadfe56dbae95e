"""Whom a complaint (RFC 5965) about an acknowledgement of ours is from."""

import re
from typing import Final

from mailtriage.acks.content import is_complaint
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.mail.model import Mail

_PART: Final = re.compile(
    rb"^Content-Type:[ \t\r\n]*message/feedback-report\b", re.IGNORECASE | re.MULTILINE
)
_ABOUT: Final = re.compile(
    rb"^(?:Original-Rcpt-To|Final-Recipient|To):[^\r\n]{0,200}?"
    rb"([^\s<>;:,\"]{1,64}@[^\s<>;:,\"]{1,253})",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWERED: Final = re.compile(
    rb"^In-Reply-To:[ \t\r\n]*(<[!-;=?-~]{3,250}>)", re.IGNORECASE | re.MULTILINE
)
_OUR_ID: Final = re.compile(rb"<ack\.[a-z2-7.]{40}@[A-Za-z0-9.-]{1,253}>", re.IGNORECASE)
_MOST: Final = 20
"""Addresses and Message-IDs that are tried."""


def may_be_complaint(header: Mail, body: bytes) -> bool:
    """Whether it is one, by its header and what was sent of its body."""
    return is_complaint(header) or _PART.search(body) is not None


def complainant(body: bytes, config: Config, tokens: Tokens) -> str:
    """The address that the acknowledgement went to which the complaint has in it; empty when it has
    none, or names somebody else.

    The Message-ID of an acknowledgement is signed, and was made of the mailbox, the writer and the
    Message-ID of what it answers. All of these stand in the acknowledgement, so that nobody can
    complain in the name of another.
    """
    ours = {
        tokens.read_ack_message_id(found.decode("ascii")) for found in _OUR_ID.findall(body)[:_MOST]
    }
    if not ours - {None}:
        return ""
    answered = dict.fromkeys(_ANSWERED.findall(body)[:_MOST])
    named: list[bytes] = _ABOUT.findall(body)[:_MOST]
    for address in dict.fromkeys(raw.decode("utf-8", "replace") for raw in named):
        for mailbox in config.mailboxes.mailboxes:
            for original in answered:
                if tokens.dedupe_key(mailbox.address, address, original) in ours:
                    return address
    return ""
