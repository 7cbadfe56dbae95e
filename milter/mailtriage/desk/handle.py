"""What follows from a mail that Postfix has committed: all of it in one transaction.

First what takes time, `prepare`: the copy is taken apart and, where it bears no seal of ours,
judged. Then `apply`, inside the transaction: the ledger is asked, the rules that depend on it
decide once more, and the conversation, the ledger and the acknowledgement are written.
"""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from mailtriage.acks.case import dedupe_key, has_own_message_id, make_case
from mailtriage.acks.compose import ComposeError, Order, compose
from mailtriage.acks.content import is_complaint
from mailtriage.acks.decide import decide, decide_again
from mailtriage.acks.draft import draft
from mailtriage.acks.model import Announced, Authentication, Case, Destination, Verdict
from mailtriage.acks.plan import is_short
from mailtriage.acks.seal import Facts
from mailtriage.acks.templates import Texts
from mailtriage.acks.tokens import Tokens
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.desk.copy import Copy, Opened, open_copy, tag
from mailtriage.desk.outbound import outbound_of
from mailtriage.mail.address import first_mailbox
from mailtriage.mail.model import Client, Envelope, Limits, Mail
from mailtriage.mail.read import read_mail
from mailtriage.policies.matcher import Matcher
from mailtriage.state.ledger import EmptyLedger, LedgerQuestion
from mailtriage.state.store import Inbound, NewAck, Outbound, Store
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind, Priority, Thread, Tier, Triage

NOT_COMPOSED: Final = "J22"
NO_RESULTS: Final = "D7"
_COMPLAINT_ABOUT: Final = re.compile(
    rb"^(?:Original-Rcpt-To|Final-Recipient):[ \t]*(?:rfc822;)?[ \t]*<?([^\s<>;]{3,320})>?",
    re.IGNORECASE | re.MULTILINE,
)
_SEALED_FOR: Final = re.compile(r"\bbox=([a-z2-7]{13});")
_MESSAGE_ID: Final = re.compile(rb"<ack\.[a-z2-7.]{40}@[A-Za-z0-9.-]{1,253}>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A copy, ready for the transaction."""

    key: bytes
    received: float
    """Seconds since the epoch."""
    case: Case | None = None
    """Of an inbound mail."""
    verdict: Verdict | None = None
    """A decision that stands already: the analysis found a rule that forbids an answer."""
    sealed: Facts | None = None
    outbound: Outbound | None = None
    complaint: str = ""
    """The address whose owner complained about our mail."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail, for one line of the log."""

    level: str = "info"
    fields: dict[str, object] = field(default_factory=dict)


NOTHING: Final = Outcome("debug", {"event": "desk", "outcome": "nothing"})
KNOWN: Final = Outcome("info", {"event": "desk", "outcome": "known", "rule": "F7"})


class Knowledge(Protocol):
    """What it takes to judge a mail."""

    @property
    def matcher(self) -> Matcher:
        """The compiled policies."""

    @property
    def customers(self) -> CustomerList:
        """Who is VIP, gold or standard."""

    @property
    def limits(self) -> Limits:
        """Bounds on the work of one mail."""


class Handler:
    """The desk's judgement. Immutable; `prepare` may run in any thread."""

    def __init__(self, analyst: Knowledge, config: Config, tokens: Tokens, texts: Texts) -> None:
        self._analyst: Final = analyst
        self._config: Final = config
        self._tokens: Final = tokens
        self._texts: Final = texts
        self._by_name: Final = {
            tokens.mailbox_name(mailbox.address): mailbox for mailbox in config.mailboxes.mailboxes
        }

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """Everything that can be known without the ledger; None when nothing follows.

        `now`: seconds since the epoch.
        """
        opened = open_copy(copy, self._tokens)
        if opened is None:
            return None
        if opened.way == "out":
            mail = read_mail(opened.fields, b"", envelope=Envelope(copy.sender))
            return Prepared(opened.key, now, outbound=outbound_of(mail, opened.key, now))
        mailbox = self._mailbox(copy, opened)
        if mailbox is None:
            return None
        envelope = Envelope(copy.sender, (mailbox.address,))
        header = read_mail(opened.fields, b"", envelope=envelope, queue_id=opened.queue_id)
        if opened.mailbox and opened.tags and not has_own_message_id(header):
            # The milter has seen it, and the other copy is on its way; which this one could not be
            # told to be, by a body that Postfix has shortened.
            return None
        key = opened.key or dedupe_key(header, self._tokens, mailbox.address, opened.body)
        facts = opened.facts(self._tokens, key)
        if facts is None:
            return self._judged(opened, key, envelope, now)
        if facts.rule and is_complaint(header):
            about = self._complaint(opened)
            return Prepared(key, now, complaint=about) if about else None
        if facts.rule and tag(opened.tags, "kind") != Kind.HUMAN:
            return None
        return self._sealed(opened, key, header, mailbox, facts, now)

    def _mailbox(self, copy: Copy, opened: Opened) -> Mailbox | None:
        """The mailbox that the mail was for: the envelope of a copy has only the hidden recipient.

        A key is made of the mailbox, so that trying each of them finds it. Of mail without a
        Message-ID of its own only the seal, or the To field, can tell.
        """
        mail = read_mail(
            opened.fields, b"", envelope=Envelope(copy.sender), queue_id=opened.queue_id
        )
        if opened.mailbox:
            return self._answering(mail, opened) or self._by_name.get(opened.mailbox)
        for mailbox in self._config.mailboxes.mailboxes:
            if dedupe_key(mail, self._tokens, mailbox.address, opened.body) == opened.key:
                return mailbox
        facts = opened.facts(self._tokens, opened.key)
        if facts is not None:
            return self._by_name.get(facts.mailbox)
        for name in ("To", "Cc", "Resent-To"):
            for raw in mail.headers.fields(name):
                found = self._config.mailboxes.find(first_mailbox(raw.raw).address)
                if found is not None:
                    return found
        return None

    def _answering(self, mail: Mail, opened: Opened) -> Mailbox | None:
        """The one mailbox that the analysis has chosen (rule E5), when it has seen the mail: the
        sweeper copies a mail for several of them once for each."""
        found = _SEALED_FOR.search(opened.seal)
        mailbox = self._by_name.get(found[1]) if found else None
        if mailbox is None:
            return None
        key = dedupe_key(mail, self._tokens, mailbox.address, opened.body)
        return mailbox if opened.facts(self._tokens, key) is not None else None

    def _judged(self, opened: Opened, key: bytes, envelope: Envelope, now: float) -> Prepared:
        """A mail that no analysis has seen: it passed while the milter was down, or too slow."""
        analyst = self._analyst
        mail = read_mail(
            opened.fields,
            opened.body,
            envelope=envelope,
            queue_id=opened.queue_id,
            limits=analyst.limits,
        )
        mailbox = self._config.mailboxes.find(envelope.recipients[0])
        judged = triage(
            mail, analyst.matcher, analyst.customers, skills=mailbox.skills if mailbox else ()
        )
        if is_complaint(mail):
            return Prepared(key, now, complaint=self._complaint(opened))
        received = opened.received or now
        case = make_case(
            mail,
            judged,
            self._config,
            self._tokens,
            EmptyLedger(),
            received,
            body=opened.body,
            body_seen=self._config.desk.copy != "headers",
        )
        return Prepared(key, received, case=dataclasses.replace(case, key=key))

    def _sealed(
        self,
        opened: Opened,
        key: bytes,
        mail: Mail,
        mailbox: Mailbox,
        facts: Facts,
        now: float,
    ) -> Prepared:
        """A mail that was judged on its way in."""
        client = Client(facts.client)
        case = Case(
            mail=dataclasses.replace(mail, client=client),
            triage=_triage(opened, facts),
            config=self._config,
            tokens=self._tokens,
            mailbox=mailbox,
            recipient=mailbox.address,
            destination=Destination(_address(mail, facts), facts.source),
            authentication=Authentication(trusted=True),
            now=min(float(facts.at), now),
            key=key,
        )
        verdict = None
        if facts.rule:
            verdict = Verdict(Announced.SKIPPED, facts.rule, generic=facts.generic)
        return Prepared(key, case.now, case=case, verdict=verdict, sealed=facts)

    def _complaint(self, opened: Opened) -> str:
        """Whom a complaint names, if what is complained about is really ours: it then has the
        Message-ID of one of our acknowledgements somewhere, which nobody can make up."""
        ours = any(
            self._tokens.read_ack_message_id(found.decode("ascii"))
            for found in _MESSAGE_ID.findall(opened.body)
        )
        about = _COMPLAINT_ABOUT.search(opened.body)
        return about[1].decode("utf-8", "replace") if ours and about else ""

    def apply(self, prepared: Prepared, store: Store, now: float) -> Outcome:
        """Write what follows. Inside the transaction; raises what the store raises."""
        if prepared.complaint:
            store.record_complaint(prepared.complaint, now)
            return Outcome("warning", {"event": "complaint"})
        if prepared.outbound is not None:
            return self._apply_outbound(prepared.outbound, store, now)
        if prepared.case is None:
            return NOTHING
        return self._apply_inbound(prepared, prepared.case, store)

    def _apply_inbound(self, prepared: Prepared, case: Case, store: Store) -> Outcome:
        question = _question(case)
        history = store.look_up(question)
        if history.handled:
            return KNOWN
        case = dataclasses.replace(case, history=history)
        verdict = prepared.verdict
        if verdict is None:
            verdict = decide_again(case) if prepared.sealed else decide(case)
        facts = prepared.sealed
        if facts is not None and not facts.rule:
            verdict = dataclasses.replace(
                verdict, generic=facts.generic, repeat_subject=facts.repeat_subject
            )
        mailbox = case.mailbox
        ack = None
        order = None
        if not verdict.rule and verdict.announced is Announced.SENT and mailbox is not None:
            if _is_acknowledged_elsewhere(question, store):
                return KNOWN
            order = draft(case, mailbox, verdict)
            try:
                ack = self._new_ack(case, mailbox, order)
            except ComposeError as error:
                # Nothing that trying again would mend: the mailbox, or what the address is like.
                verdict = Verdict(Announced.SKIPPED, NOT_COMPOSED, why=str(error))
        short = facts.short if facts else is_short(case.mail)
        inbound = _inbound(case, verdict, promised=order.by if order and ack else 0.0, short=short)
        store.record_inbound(inbound, ack)
        fields: dict[str, object] = {
            "event": "desk",
            "outcome": "owed" if ack else verdict.announced,
            "rule": verdict.rule or "-",
        }
        if verdict.detail:
            fields["detail"] = verdict.detail
        if verdict.rule == NOT_COMPOSED:
            return Outcome("error", fields | {"why": verdict.why})
        # Nobody answers anybody while the server that checks senders is silent: somebody should
        # look.
        return Outcome("warning" if verdict.rule == NO_RESULTS else "info", fields)

    def _new_ack(self, case: Case, mailbox: Mailbox, order: Order) -> NewAck:
        waiting = mailbox.ack == "deferred"
        config = self._config
        return NewAck(
            key=case.key,
            mailbox=mailbox.address,
            address=order.to,
            domain=case.destination.domain,
            message=compose(order, config, self._texts, self._tokens, case.now),
            created=case.now,
            due=case.now + (mailbox.wait if waiting else 0.0),
            expires=case.now + config.ack.expire + (mailbox.wait if waiting else 0.0),
            order=order.to_json() if waiting else "",
            waiting=waiting,
            original_id=case.mail.message_id if mailbox.repair == "headers" else "",
        )

    def _apply_outbound(self, outbound: Outbound, store: Store, now: float) -> Outcome:
        effect = store.record_outbound(outbound)
        for waiting in effect.release:
            order = dataclasses.replace(Order.from_json(waiting.order), ticket=outbound.ticket)
            try:
                message = compose(order, self._config, self._texts, self._tokens, now)
            except ComposeError:
                continue  # it goes out without the ticket when its time is up
            store.release(waiting.key, message, now)
        if effect.conversation is None:
            return NOTHING
        fields: dict[str, object] = {
            "event": "desk",
            "outcome": "double-ack" if effect.double_ack else "answered",
            "suppressed": len(effect.suppressed),
            "released": len(effect.release),
        }
        # Two acknowledgements to one mail: the helpdesk's own is still switched on (rule G8).
        return Outcome("warning" if effect.double_ack else "info", fields)


def _address(mail: Mail, facts: Facts) -> str:
    if facts.source == "from":
        return mail.from_address
    if facts.source == "reply-to":
        return first_mailbox(mail.headers.raw("Reply-To")).address
    return mail.envelope.sender


def _triage(opened: Opened, facts: Facts) -> Triage:
    """The tags again as a triage: as far as an acknowledgement depends on it."""
    tags = opened.tags
    return Triage(
        language=tag(tags, "language"),
        language_confidence=facts.confidence / 100,
        skill=tag(tags, "skill"),
        priority=Priority(tag(tags, "priority")),
        tier=Tier(tag(tags, "tier")),
        kind=Kind(tag(tags, "kind")),
        thread=Thread(tag(tags, "thread")),
        topic=tag(tags, "topic"),
    )


def _question(case: Case) -> LedgerQuestion:
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


def _is_acknowledged_elsewhere(question: LedgerQuestion, store: Store) -> bool:
    """Whether another mailbox has acknowledged this very mail (rule E5): it came for both while the
    milter was down, or in a transaction for each."""
    if not question.message_id:
        return False
    itself = dataclasses.replace(question, references=(question.message_id,))
    known = store.look_up(itself).conversation
    return known is not None and known.same_sender and known.acknowledged > 0


def _inbound(case: Case, verdict: Verdict, *, promised: float, short: bool) -> Inbound:
    judged, mail = case.triage, case.mail
    return Inbound(
        key=case.key,
        mailbox=case.mailbox.address if case.mailbox else "",
        address=case.destination.address,
        subject=mail.subject,
        network=mail.client.address,
        message_id=mail.message_id,
        references=mail.references,
        received=case.now,
        rule=verdict.rule,
        announced=str(verdict.announced),
        kind=str(judged.kind),
        skill=judged.skill,
        priority=str(judged.priority),
        language=judged.language,
        topic=judged.topic,
        thread=str(judged.thread),
        promised=promised,
        short=short,
        writers=(mail.from_address,) if mail.from_address else (),
    )
