"""Corrections by mail: somebody of ours forwards or redirects a mail to an address that says what
it should have been (acks/returns.py).

The address is no secret worth the name: it stands in address books, and in To: of what is
forwarded. So the signature is not enough. Only mail of our own side counts, by what our own Postfix
wrote about the client, and none that a machine sent. Nobody is ever answered.
"""

import ipaddress
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from mailtriage.acks.destinations import is_form
from mailtriage.acks.model import Authentication
from mailtriage.acks.returns import Return
from mailtriage.acks.tokens import Tokens
from mailtriage.config.sections import Config
from mailtriage.desk.copy import Copy, read_received
from mailtriage.desk.feedback_said import About, Memory, about
from mailtriage.desk.feedback_values import corrected_value, facet_of
from mailtriage.desk.forwarded import MOST_MESSAGES, attached_headers
from mailtriage.mail.address import message_ids, parse_mailboxes
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_mail
from mailtriage.state.feedback import Correction, feedback_file, write_corrections
from mailtriage.tags.vocabulary import PREFIX
from mailtriage.triage.kind import by_headers

_RESENT: Final = frozenset({"resent-from", "resent-to", "resent-date", "resent-message-id"})
_ADDRESSED: Final = ("To", "Cc")
_LOOP: Final = f"{PREFIX}-Loop"
_MOST_HOPS: Final = 10

# Thunderbird's name for the mails that it forwards; other programs write the next two.
_FORWARDED: Final = ("X-Forwarded-Message-Id", "In-Reply-To", "References")


@dataclass(frozen=True, slots=True)
class Corrections:
    """What one mail corrects."""

    rows: tuple[Correction, ...]


class FeedbackDesk:
    """Takes corrections by mail. Immutable; `prepare` may run in any thread."""

    def __init__(self, config: Config, tokens: Tokens, skills: Collection[str]) -> None:
        """`skills`: those that a mail may get (`feedback_values.known_skills`)."""
        self._config: Final = config
        self._tokens: Final = tokens
        self._skills: Final = tuple(skills)
        self._memory: Final = Memory(config, tokens)

    def prepare(self, copy: Copy, what: Return, now: float) -> Corrections | None:
        """What is corrected; None when the mail counts for nothing.

        `what`: of the address, whose signature is ours; `now`: seconds since the epoch.
        """
        facet = facet_of(what.facet)
        if facet is None:
            return None
        try:
            value = corrected_value(facet, what.value, self._skills)
        except ValueError:
            return None  # a skill that there was when the address was made
        fields, body_at, _ = split_fields(copy.message)
        mail = read_mail(
            [(name.decode("ascii"), body) for name, body in fields],
            b"",
            envelope=Envelope(copy.sender, (copy.recipient,)),
        )
        is_redirected = _is_redirected(mail, copy.recipient)
        if not is_own(fields, self._config) or _is_automatic(mail, redirected=is_redirected):
            return None
        meant = _redirected(fields) if is_redirected else _forwarded(mail, copy.message[body_at:])
        at = min(_arrived(fields) or now, now)
        rows = {
            one.message_id: Correction(
                message=self._tokens.pseudonym("message-id", one.message_id),
                facet=facet,
                value=value,
                source="mail",
                at=at,
                said=self._memory.said(one).get(facet, ""),
            )
            for one in meant
        }
        return Corrections(tuple(rows.values())) if rows else None

    def write(self, corrections: object) -> int:
        """Keep them, durably; how many mails are corrected. Raises FeedbackError, and Postfix
        comes again."""
        if not isinstance(corrections, Corrections):
            raise TypeError("these are no corrections")
        write_corrections(feedback_file(self._config.state.database), corrections.rows)
        return len(corrections.rows)


def is_own(fields: Collection[tuple[bytes, bytes]], config: Config) -> bool:
    """Whether the organisation itself sent the mail: from [networks] outbound, with a login, or on
    this machine, by the Received: that our Postfix put on top.

    A filter that hands mail back to Postfix is a client on this machine, whoever wrote the mail:
    then the Received: below tells, which our Postfix wrote when the mail came in. Web forms are
    customers, wherever they run.
    """
    written = [value for name, value in fields if name.lower() == b"received"][:_MOST_HOPS]
    if not written:
        return False
    for number, value in enumerate(written):
        client = read_received(value).client
        if is_form(client, Authentication(), config):
            return False
        if client.login or client.protocol == "local":
            return True
        if client.address and not ipaddress.ip_address(client.address).is_loopback:
            return config.networks.outbound.contains(client.address)
        if not client.address and not number:
            return False  # not as our Postfix writes it
    # No other machine had a hand in it.
    top = read_received(written[0]).client.address
    return config.networks.outbound.contains(top)


def _is_automatic(mail: Mail, *, redirected: bool) -> bool:
    """Whether no human sent it. What is redirected may have been a machine's before: of that only
    the marks by which loops are broken count (RFC 3834 section 2)."""
    if not mail.envelope.sender or _LOOP in mail.headers:
        return True
    if redirected:
        automatic = mail.headers.first("Auto-Submitted").partition(";")[0].strip().lower()
        return automatic not in ("", "no")
    return by_headers(mail) is not None


def _is_redirected(mail: Mail, recipient: str) -> bool:
    """Whether it is the corrected mail itself, sent on (RFC 5322 section 3.6.6). Sieve and some
    programs leave no Resent-To:, but neither do they name us in To:, as whoever forwards does."""
    if mail.headers.has_any(_RESENT):
        return True
    addressed = (
        one.address
        for name in _ADDRESSED
        for field in mail.headers.fields(name)
        for one in parse_mailboxes(field.raw)
    )
    return recipient.lower() not in addressed


def _redirected(fields: Collection[tuple[bytes, bytes]]) -> Iterator[About]:
    found = about(tuple(fields))
    if found is not None:
        yield found


def _forwarded(mail: Mail, body: bytes) -> list[About]:
    """The mails that are attached; without any the one that it says it forwards."""
    headers = attached_headers(mail.headers.raw("Content-Type"), body)
    attached = [found for fields in headers if (found := about(fields)) is not None]
    if attached:
        return attached
    for name in _FORWARDED:
        ids = [one for field in mail.headers.fields(name) for one in message_ids(field.raw)]
        if ids:
            named = ids[-MOST_MESSAGES:] if name == _FORWARDED[0] else ids[-1:]
            return [About(one) for one in named]
    return []


def _arrived(fields: Collection[tuple[bytes, bytes]]) -> float:
    """When our Postfix got it, seconds since the epoch; 0: it does not say."""
    top = next((value for name, value in fields if name.lower() == b"received"), b"")
    return read_received(top).at
