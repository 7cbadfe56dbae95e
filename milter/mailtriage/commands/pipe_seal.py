"""Whether the tags of a delivered mail are ours, and of this very mail."""

from collections.abc import Sequence
from dataclasses import replace

from mailtriage.acks.case import BODY_FOR_KEY, dedupe_key
from mailtriage.acks.seal import claimed_key, read_seal
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_mail
from mailtriage.tags.native import facts_of
from mailtriage.tags.vocabulary import PREFIX, SEAL

_OURS = PREFIX.lower()


def sealed_facts(
    raw_fields: Sequence[tuple[str, bytes]],
    body: bytes,
    sender: str,
    config: Config,
    tokens: Tokens | None,
) -> tuple[dict[str, str], str] | None:
    """The facts and the profile of the mailbox; None unless the seal is ours, over these very tags
    and for this mail.

    `raw_fields` is the header of the mail as delivered, `body` its body as far as at hand, `sender`
    its reverse-path. A seal that was copied from another mail is none: it names the Message-ID.
    """
    if tokens is None:
        return None
    tags: list[tuple[str, str]] = []
    seal = ""
    for name, value in raw_fields:
        lower = name.lower()
        if lower == SEAL.lower():
            seal = seal or value.decode("latin-1").strip()
        elif lower == _OURS or lower.startswith(f"{_OURS}-"):
            tags.append((name, value.decode("latin-1").strip()))
    key = claimed_key(seal)
    facts = read_seal(tokens, key, tags, seal) if key else None
    if facts is None:
        return None
    mailbox = next(
        (
            one
            for one in config.mailboxes.mailboxes
            if tokens.mailbox_name(one.address) == facts.mailbox
        ),
        None,
    )
    mail = read_mail(raw_fields, b"", envelope=Envelope(sender))
    if mailbox is None or key not in _keys(mail, tokens, mailbox.address, body):
        return None
    return facts_of(tags), mailbox.profile


def _keys(mail: Mail, tokens: Tokens, mailbox: str, body: bytes) -> tuple[bytes, ...]:
    """What this mail's key can be: by its Message-ID, or as that of a mail that came without one,
    to which Postfix has given Message-ID, Date or both since."""
    without = replace(mail, message_id="")
    identity = (mail.headers.raw("Subject"), body[:BODY_FOR_KEY])
    return (
        dedupe_key(mail, tokens, mailbox, body),
        dedupe_key(without, tokens, mailbox, body),
        tokens.dedupe_key(mailbox, mail.envelope.sender, b"", b"", *identity),
    )
