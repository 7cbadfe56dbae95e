"""Which mail a copy is of, and for which mailbox: the envelope of a copy no longer says so."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.case import dedupe_key, has_own_message_id
from mailtriage.acks.recipients import service_mailbox
from mailtriage.acks.seal import Facts, claimed_key
from mailtriage.acks.tokens import HIDDEN_DOMAIN, Tokens
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.desk.copy import Opened, tag
from mailtriage.mail.address import parse_mailboxes
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_mail

_SEALED_FOR: Final = re.compile(r"\bbox=([a-z2-7]{13});")
_ADDRESSED: Final = ("To", "Resent-To", "Cc", "Resent-Cc", "Bcc", "Resent-Bcc")
_MOST_ADDRESSES: Final = 50
"""Addresses of the header that are looked up; a mail to more than ten is never answered."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the copy of an inbound mail is a copy of."""

    key: bytes
    mailbox: Mailbox
    header: Mail
    """The mail without its body. Its recipient is the one address of the mailbox that the header
    names; the mailbox itself when it names none, or when there is a seal. Its client is the one of
    the seal; nobody without one."""
    facts: Facts | None
    """What the analysis found out; None when there is no seal of this mail."""
    only_here: str
    """A Message-ID that tells the copies of one delivery from those of the next, for a mail without
    one of its own: the two ways to the desk, one of which may have lost some of its body, find
    different keys for it. Empty for all others."""


class Identifier:
    """Knows the mailboxes."""

    def __init__(self, config: Config, tokens: Tokens) -> None:
        self._config: Final = config
        self._tokens: Final = tokens
        self._by_name: Final = {
            tokens.mailbox_name(mailbox.address): mailbox for mailbox in config.mailboxes.mailboxes
        }

    def identify(self, opened: Opened, sender: str) -> Identity | None:
        """What `opened`, a copy of an inbound mail, is of; None when another copy of it is on its
        way, or it is for no mailbox. `sender`: reverse-path."""
        return self._sealed(opened, sender) or self._unsealed(opened, sender)

    def _sealed(self, opened: Opened, sender: str) -> Identity | None:
        """The mailbox stands under the seal: it is the one that the analysis has chosen (rule E5),
        also when the sweeper copies a mail for several of them once for each."""
        named = _SEALED_FOR.search(opened.seal)
        mailbox = self._by_name.get(named[1]) if named else None
        if mailbox is None:
            return None
        key = opened.key or claimed_key(opened.seal)
        facts = opened.facts(self._tokens, key)
        if facts is None:
            return None
        header = read_mail(
            opened.fields,
            b"",
            envelope=Envelope(sender, (mailbox.address,)),
            client=Client(facts.client),
            queue_id=opened.arrival.queue_id,
        )
        return Identity(key, mailbox, header, facts, _only_here(opened, header))

    def _unsealed(self, opened: Opened, sender: str) -> Identity | None:
        header = read_mail(
            opened.fields, b"", envelope=Envelope(sender), queue_id=opened.arrival.queue_id
        )
        if not opened.mailbox:
            # A key is made of the mailbox, so that trying each of them finds it, but for a mail
            # without a Message-ID whose body Postfix has shortened: there the header has to do.
            for mailbox in self._config.mailboxes.mailboxes:
                if self._key(header, mailbox, opened) == opened.key:
                    return self._identity(opened, opened.key, mailbox, header)
            chosen = self._chosen(header, tuple(self._addressed(header)))
            return self._identity(opened, opened.key, chosen, header) if chosen else None
        if tag(opened.tags, "dry-run"):
            return None  # the milter has seen it, and has told of it unless it is only tried
        swept = self._by_name.get(opened.mailbox)
        if swept is None or (opened.tags and not has_own_message_id(header)):
            # The milter has seen it, and its own copy is on its way; whether they are of one mail
            # could not be told, should Postfix have shortened the body.
            return None
        return self._identity(opened, self._key(header, swept, opened), swept, header)

    def _key(self, header: Mail, mailbox: Mailbox, opened: Opened) -> bytes:
        return dedupe_key(header, self._tokens, mailbox.address, opened.body)

    def _addressed(self, header: Mail) -> Iterator[str]:
        """The addresses in the header that belong to a mailbox, as they stand there."""
        fields = [field for name in _ADDRESSED for field in header.headers.fields(name)]
        addresses = [one.address for field in fields for one in parse_mailboxes(field.raw)]
        for address in dict.fromkeys(addresses[:_MOST_ADDRESSES]):
            if self._chosen(header, (address,)) is not None:
                yield address

    def _chosen(self, header: Mail, recipients: tuple[str, ...]) -> Mailbox | None:
        """The mailbox that answers a mail to all of these."""
        envelope = Envelope(header.envelope.sender, recipients)
        return service_mailbox(dataclasses.replace(header, envelope=envelope), self._config)[0]

    def _identity(self, opened: Opened, key: bytes, mailbox: Mailbox, header: Mail) -> Identity:
        own = (one for one in self._addressed(header) if self._chosen(header, (one,)) == mailbox)
        envelope = Envelope(header.envelope.sender, (next(own, mailbox.address),))
        header = dataclasses.replace(header, envelope=envelope)
        return Identity(key, mailbox, header, None, _only_here(opened, header))


def _only_here(opened: Opened, header: Mail) -> str:
    """See `Identity.only_here`."""
    if has_own_message_id(header):
        return ""
    arrival = opened.arrival
    if header.message_id or not arrival.queue_id:
        return header.message_id
    return f"<{arrival.queue_id}.{arrival.at:.0f}@{HIDDEN_DOMAIN}>"
