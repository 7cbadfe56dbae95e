"""Updates and surveys as messages: what a customer hears after the acknowledgement.

They stand below the acknowledgement in the customer's mail program, come from the same address and
say what they are: nobody asked for them, so they are auto-generated (RFC 3834 section 5.2), and
their bounces come to an address that knows which mail they are about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import jinja2

from mailtriage.acks.compose import RIGHT_TO_LEFT, ComposeError, entity
from mailtriage.acks.fields import (
    addr_spec,
    field,
    mailbox_value,
    references_value,
    unstructured,
    usable_id,
)
from mailtriage.acks.follow_up_html import html_of
from mailtriage.acks.follow_up_texts import VOTES, FollowUpText, FollowUpTexts, Vote
from mailtriage.acks.lint import faults
from mailtriage.acks.order import Order
from mailtriage.acks.promise import config_calendar
from mailtriage.acks.returns import Return, return_address
from mailtriage.acks.subject import one_line, subject_line
from mailtriage.acks.tokens import Tokens, key_text
from mailtriage.acks.wording import moment
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.mail.domains import spellings

_BETWEEN: Final = "\n* * *\n\n"


@dataclass(frozen=True, slots=True)
class FollowUpMail:
    """A finished message, and how it is handed in."""

    key: bytes
    """Of the outbox."""
    message: bytes
    message_id: str
    sender: str
    """Reverse-path, without angle brackets."""


@dataclass(frozen=True, slots=True)
class News:
    """What an update says. Seconds since the epoch."""

    promised: float
    """What the customer was told."""
    by: float
    """What he is told now."""
    number: int = 1
    """Which update of this conversation it is."""
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes both kinds of mail. Immutable."""

    config: Config
    texts: FollowUpTexts
    tokens: Tokens

    def update(self, order: Order, news: News, ticket: str, now: float) -> FollowUpMail:
        """That the promise will not be kept, and what is promised instead.

        `order`: of the acknowledgement; `ticket`: the helpdesk's token, if it is known by now;
        `now`: seconds since the epoch. Raises ComposeError as `compose`.
        """
        return self._made(order, "update", news, ticket, now)

    def survey(self, order: Order, ticket: str, now: float) -> FollowUpMail:
        """How satisfied the customer was with the answer; as `update`."""
        return self._made(order, "survey", None, ticket, now)

    def _made(
        self, order: Order, kind: str, news: News | None, ticket: str, now: float
    ) -> FollowUpMail:
        config, tokens = self.config, self.tokens
        mailboxes = config.mailboxes.mailboxes
        mailbox = next((one for one in mailboxes if one.address == order.mailbox), None)
        if mailbox is None:
            raise ComposeError(f"{order.mailbox} is no mailbox of the configuration")
        key = (
            tokens.follow_up_key("update", order.key, news.number)
            if news
            else tokens.follow_up_key("survey", order.key, 0)
        )
        chosen = self.texts.choose(order.language, config.ack.fallback_languages)
        writing = _Writing(config, tokens, mailbox, order, key, news, ticket or order.ticket)
        try:
            for texts, html in ((chosen, True), (chosen, False), (chosen[:1], False)):
                message_id = writing.message_id(kind)
                message = writing.message(texts, message_id, now, html=html)
                wrong = faults(message, follow_up=True)
                if not wrong:
                    return FollowUpMail(key, message, message_id, writing.address("bounce"))
        except (ValueError, OverflowError, OSError, jinja2.TemplateError) as error:
            raise ComposeError(str(error)) from error
        raise ComposeError(f"the message {'; '.join(wrong)}")


@dataclass(frozen=True, slots=True)
class _Writing:
    """One message that is being made."""

    config: Config
    tokens: Tokens
    mailbox: Mailbox
    order: Order
    key: bytes
    news: News | None
    """None: a survey."""
    ticket: str

    @property
    def from_address(self) -> str:
        return addr_spec(self.mailbox.from_address)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(config_calendar(self.config, self.mailbox).timezone)

    def message_id(self, kind: str) -> str:
        """Always the same for one mail. None of an acknowledgement's form: by that a reply would be
        looked for under the key of a mail that came in."""
        signature = self.tokens.return_signature(b"message-id." + self.key)
        domain = self.from_address.rpartition("@")[2]
        return f"<{kind}.{key_text(self.key)}.{signature}@{domain}>"

    def address(self, kind: str, vote: int = 0) -> str:
        """One of our return addresses, for this mail."""
        domain = self.config.follow_ups.returns.domain
        if kind == "vote":
            return return_address(self.tokens, domain, Return("vote", self.key, vote))
        what = Return("opt-out" if kind == "opt-out" else "bounce", self.key)
        return return_address(self.tokens, domain, what)

    def message(
        self, texts: Sequence[FollowUpText], message_id: str, now: float, *, html: bool
    ) -> bytes:
        """The finished message: CRLF, 7-bit (but for a To: that needs RFC 6532)."""
        parts = [(text.language, *self._body(text)) for text in texts]
        date = datetime.fromtimestamp(now, self.zone)
        head = b"".join(field(*one) for one in self._head(texts[0], message_id, date))
        kind, content = entity("plain", _BETWEEN.join(plain for _, plain, _ in parts))
        if html and self.news is None:
            boundary = f"=_{self.key.hex()}"  # "=_" stands in no quoted-printable text
            edge = f"--{boundary}\r\n".encode()
            alternatives = (b"\r\n".join(one) for one in ((kind, content), _html(parts)))
            ended = b"".join(edge + one + b"\r\n" for one in alternatives)
            content = ended + f"--{boundary}--\r\n".encode()
            kind = field("Content-Type", f'multipart/alternative; boundary="{boundary}"')
        languages = field("Content-Language", ", ".join(text.language for text in texts))
        return b"".join((head, kind, b"MIME-Version: 1.0\r\n", languages, b"\r\n", content))

    def _head(
        self, text: FollowUpText, message_id: str, date: datetime
    ) -> Iterator[tuple[str, str]]:
        order, mailbox, tokens = self.order, self.mailbox, self.tokens
        sender = self.from_address
        if "*" in sender or not sender.isascii():
            raise ValueError(f"{mailbox.address} needs a key from: {sender} cannot send mail")
        subject = subject_line(
            "" if order.generic else order.subject,
            style="re",
            marker="",
            fixed=text.update.subject if self.news else text.survey.subject,
            ticket=self.ticket,
        )
        parent = usable_id(order.message_id)
        # By this one the mail stands in its place even where the first was lost.
        ack = tokens.ack_message_id(order.key, sender.rpartition("@")[2])
        yield "From", mailbox_value(one_line(mailbox.name), sender)
        if mailbox.reply_to not in {"", mailbox.from_address}:
            yield "Reply-To", addr_spec(mailbox.reply_to)
        yield "To", addr_spec(order.to)
        yield "Subject", unstructured(subject, "Subject")
        yield "Date", format_datetime(date)
        yield "Message-ID", message_id
        yield "In-Reply-To", parent or ack
        yield "References", references_value((*order.references, parent), ack)
        yield "Auto-Submitted", "auto-generated"
        yield "X-Auto-Response-Suppress", "All"
        if self.config.ack.precedence == "bulk":
            yield "Precedence", "bulk"
        yield "X-Mailtriage-Loop", tokens.loop_mark(order.key)
        yield "X-Mailtriage-Ref", tokens.reference(order.key)
        if self.news is None:
            yield "List-Unsubscribe", f"<mailto:{self.address('opt-out')}?subject=unsubscribe>"

    def _body(self, text: FollowUpText) -> tuple[str, dict[str, str]]:
        """The text, and the labels of its links."""
        order, mailbox = self.order, self.mailbox
        named = partial(moment, zone=self.zone, language=text.language)
        values: dict[str, object] = {
            "received": named(order.received),
            "reference": self.tokens.reference(order.key),
            "desk": one_line(mailbox.name) or spellings(mailbox.from_address)[-1],
            "privacy": mailbox.privacy,
        }
        if self.news is not None:
            values |= {
                "promised": named(self.news.promised),
                "by": named(self.news.by),
                "again": self.news.number > 1,
                "busy": self.news.busy,
                "urgent": one_line(mailbox.urgent),
            }
            return text.update.plain(values), {}
        survey = text.survey
        votes = [
            Vote(value, survey.labels[value], self._vote_url(value, survey.labels[value]))
            for value in VOTES
        ]
        refuse = _mailto(self.address("opt-out"), survey.opt_out)
        links = {vote.url: vote.label for vote in votes} | {refuse: survey.opt_out}
        return survey.plain(values | {"votes": votes, "opt_out": refuse}), links

    def _vote_url(self, value: str, label: str) -> str:
        return _mailto(self.address("vote", int(value)), f"{value} - {label}")


def _mailto(address: str, subject: str) -> str:
    """RFC 6068: a blank is "%20", never "+"."""
    return f"mailto:{address}?subject={quote(subject, safe='')}"


def _html(parts: Sequence[tuple[str, str, dict[str, str]]]) -> tuple[bytes, bytes]:
    divisions = "<hr>\n".join(
        f"<div {_language(name)}>\n{html_of(plain, links)}</div>\n" for name, plain, links in parts
    )
    start = f"<!DOCTYPE html>\n<html {_language(parts[0][0])}>\n<body>\n"
    return entity("html", f"{start}{divisions}</body>\n</html>\n")


def _language(name: str) -> str:
    return f'lang="{name}" dir="{"rtl" if name in RIGHT_TO_LEFT else "ltr"}"'
