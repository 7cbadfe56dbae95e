"""What follows from a mail that Postfix has committed: all of it in one transaction.

First what takes time, `prepare`: the copy is taken apart and, where it bears no seal of ours,
judged. Then `apply`, inside the transaction: the ledger is asked, the rules that depend on it
decide once more, and the conversation, the ledger and the acknowledgement are written.
"""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from mailtriage.acks.case import make_case, question_about
from mailtriage.acks.compose import ComposeError, KbLink, Order, compose
from mailtriage.acks.decide import decide, decide_again
from mailtriage.acks.destinations import address_of, is_form
from mailtriage.acks.draft import draft
from mailtriage.acks.fields import usable_id
from mailtriage.acks.model import Announced, Authentication, Case, Destination, Verdict
from mailtriage.acks.plan import is_short, leads_nowhere
from mailtriage.acks.promise import TARGETS_ALONE, Answers
from mailtriage.acks.seal import Facts
from mailtriage.acks.settled import says_settled
from mailtriage.acks.suggested import link_of, suggest
from mailtriage.acks.templates import Texts
from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.model import Classifier
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.config.sections import Config
from mailtriage.desk.complaint import complainant, may_be_complaint
from mailtriage.desk.copy import Copy, Opened, open_copy, tag
from mailtriage.desk.follow_up_kept import follow_up_of
from mailtriage.desk.identity import Identifier, Identity
from mailtriage.desk.known import is_acknowledged_elsewhere, is_other_copy, triage_of
from mailtriage.desk.outbound import outbound_of
from mailtriage.desk.report import Level
from mailtriage.knowledge.search import KnowledgeIndex
from mailtriage.mail.model import Client, Envelope, Limits, Mail
from mailtriage.mail.read import read_mail
from mailtriage.policies.matcher import Matcher
from mailtriage.state.ledger import EmptyLedger
from mailtriage.state.shared_records import Pulled
from mailtriage.state.store import Inbound, NewAck, Outbound, Store, WaitingAck
from mailtriage.tags.vocabulary import NONE
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind, Thread

NOT_COMPOSED: Final = "J22"
NO_RESULTS: Final = "D7"
_ADDRESS: Final = re.compile(r"\S+@\S+")


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
    only_here: str = ""
    """See `Identity.only_here`."""
    outbound: Outbound | None = None
    complaint: str = ""
    """The address whose owner complained about our mail."""
    kb: KbLink | None = None
    """The paragraph that may already answer it."""
    answer: str = ""
    """What X-Mailtriage-Answer says, under our seal."""
    shared: Pulled | None = None
    """What other nodes know (desk/sharing.py); None: not known, or there are none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail, for one line of the log."""

    level: Level = "info"
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
    def model(self) -> Classifier | None:
        """The trained model beside the policies."""

    @property
    def knowledge(self) -> KnowledgeIndex | None:
        """The knowledge base."""

    @property
    def limits(self) -> Limits:
        """Bounds on the work of one mail."""


class Handler:
    """The desk's judgement. Immutable; `prepare` may run in any thread."""

    def __init__(
        self,
        analyst: Knowledge,
        config: Config,
        tokens: Tokens,
        texts: Texts,
        answers: Answers = TARGETS_ALONE,
    ) -> None:
        self._analyst: Final = analyst
        self._config: Final = config
        self._tokens: Final = tokens
        self._texts: Final = texts
        self._answers: Final = answers
        self._identifier: Final = Identifier(config, tokens)

    def _profile(self, mail: Mail) -> Profile:
        """Of the helpdesk that an outbound mail comes from, by the mailbox in From:."""
        mailbox = self._config.mailboxes.find(mail.from_address)
        return self._config.profiles.get(mailbox.profile, GENERIC) if mailbox else GENERIC

    def prepare(self, copy: Copy, now: float) -> Prepared | None:
        """Everything that can be known without the ledger; None when nothing follows.

        `now`: seconds since the epoch.
        """
        opened = open_copy(copy, self._tokens)
        if opened is None:
            return None
        if opened.way == "out":
            mail = read_mail(opened.fields, b"", envelope=Envelope(copy.sender))
            sent = outbound_of(mail, opened.key, now, self._profile(mail))
            return Prepared(opened.key, now, outbound=sent)
        found = self._identifier.identify(opened, copy.sender)
        if found is None:
            return None
        if found.facts is None:
            return self._judged(opened, found, now)
        return self._sealed(opened, found, found.facts, now)

    def _sealed(self, opened: Opened, found: Identity, facts: Facts, now: float) -> Prepared | None:
        """A mail that was judged on its way in."""
        if facts.rule and may_be_complaint(found.header, opened.body):
            return self._complaint(opened, found, now)
        if facts.rule and tag(opened.tags, "kind") != Kind.HUMAN:
            return None
        case = Case(
            mail=found.header,
            triage=triage_of(opened, facts),
            config=self._config,
            tokens=self._tokens,
            mailbox=found.mailbox,
            recipient=found.mailbox.address,
            destination=Destination(address_of(found.header, facts.source), facts.source),
            authentication=Authentication(trusted=True),
            now=min(float(facts.at), now),
            key=found.key,
        )
        verdict = None
        if facts.rule:
            announced = Announced(tag(opened.tags, "ack"))
            verdict = Verdict(announced, facts.rule, generic=facts.generic)
        return Prepared(
            found.key,
            case.now,
            case=case,
            verdict=verdict,
            sealed=facts,
            only_here=found.only_here,
            kb=link_of(self._analyst.knowledge, tag(opened.tags, "kb"), facts.passage),
            answer=tag(opened.tags, "answer"),
        )

    def _judged(self, opened: Opened, found: Identity, now: float) -> Prepared | None:
        """A mail that no analysis has seen: it passed while the milter was down, or too slow."""
        client = opened.arrival.client
        if opened.mailbox and (_is_own(client, self._config) or self._is_exempt(client, found)):
            return None  # the sweeper copies what agents write to a service mailbox, too
        analyst = self._analyst
        mail = read_mail(
            opened.fields,
            opened.body,
            envelope=found.header.envelope,
            client=client,
            queue_id=opened.arrival.queue_id,
            limits=analyst.limits,
        )
        if may_be_complaint(mail, opened.body):
            return self._complaint(opened, found, now)
        judged = triage(
            mail,
            analyst.matcher,
            analyst.customers,
            skills=found.mailbox.skills,
            model=analyst.model,
        )
        case = make_case(
            mail,
            judged,
            self._config,
            self._tokens,
            EmptyLedger(),
            min(opened.arrival.at or now, now),
            body=opened.body,
            body_seen=self._config.desk.copy != "headers",
        )
        case = dataclasses.replace(case, key=found.key)
        kb = suggest(analyst.knowledge, mail, judged, self._config.kb).link
        return Prepared(found.key, case.now, case=case, only_here=found.only_here, kb=kb)

    def _is_exempt(self, client: Client, found: Identity) -> bool:
        mail = found.header
        senders = (mail.envelope.sender, mail.from_address)
        return bool(self._config.exempt.why(client.address, senders, mail.envelope.recipients))

    def _complaint(self, opened: Opened, found: Identity, now: float) -> Prepared | None:
        about = complainant(opened.body, self._config, self._tokens)
        return Prepared(found.key, now, complaint=about) if about else None

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
        question = question_about(case)
        history = store.look_up(question)
        if history.handled or is_other_copy(prepared.only_here, question, store):
            return KNOWN
        case = dataclasses.replace(case, history=history)
        verdict = _verdict(prepared, case)
        if leads_nowhere(case.triage, verdict):
            return NOTHING  # as at the doors: what no human wrote, and nobody answers
        mailbox = case.mailbox
        ack = None
        order = None
        if not verdict.rule and verdict.announced is Announced.SENT and mailbox is not None:
            if is_acknowledged_elsewhere(question, store):
                return KNOWN
            order = draft(case, mailbox, verdict, self._answers, prepared.kb)
            try:
                ack = self._new_ack(case, mailbox, order)
            except ComposeError as error:
                # Nothing that trying again would mend: the mailbox, or what the address is like.
                verdict = Verdict(Announced.SKIPPED, NOT_COMPOSED, why=str(error))
        store.record_inbound(_inbound(prepared, case, verdict, order if ack else None), ack)
        fields: dict[str, object] = {
            "event": "desk",
            "outcome": "owed" if ack else verdict.announced,
            "rule": verdict.rule or "-",
        }
        if verdict.detail:
            fields["detail"] = verdict.detail
        if verdict.rule == NOT_COMPOSED:
            # It may name the mailbox, and no address stands in the log in clear.
            return Outcome("error", fields | {"why": _ADDRESS.sub("<address>", verdict.why)})
        # Nobody answers anybody while the server that checks senders is silent: somebody should
        # look.
        return Outcome("warning" if verdict.rule == NO_RESULTS else "info", fields)

    def _new_ack(self, case: Case, mailbox: Mailbox, order: Order) -> NewAck:
        waiting = mailbox.ack == "deferred"
        config = self._config
        expires = case.now + config.ack.expire + (mailbox.wait if waiting else 0.0)
        if order.by:
            expires = min(expires, order.by)  # a promise that is over is none
        return NewAck(
            key=case.key,
            mailbox=mailbox.address,
            address=order.to,
            domain=case.destination.domain,
            message=compose(order, config, self._texts, self._tokens, case.now),
            created=case.now,
            due=case.now + (mailbox.wait if waiting else 0.0),
            expires=expires,
            order=order.to_json() if waiting else "",
            waiting=waiting,
            original_id=usable_id(case.mail.message_id) if mailbox.repair == "headers" else "",
            follow_up=follow_up_of(order, case.triage, mailbox, config.follow_ups),
        )

    def _apply_outbound(self, outbound: Outbound, store: Store, now: float) -> Outcome:
        effect = store.record_outbound(outbound)
        self.release(effect.release, outbound.ticket, store, now)
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

    def release(self, waiting: Iterable[WaitingAck], ticket: str, store: Store, now: float) -> None:
        """Acknowledgements that waited for this ticket go out. Inside the transaction."""
        for one in waiting:
            order = dataclasses.replace(Order.from_json(one.order), ticket=ticket)
            try:
                message = compose(order, self._config, self._texts, self._tokens, now)
            except ComposeError:
                continue  # it goes out without the ticket when its time is up
            store.release(one.key, message, now)


def _is_own(client: Client, config: Config) -> bool:
    """Whether the organisation itself wrote the mail (rule D11), as far as Postfix's Received:
    tells. Web forms are customers, wherever they run."""
    if is_form(client, Authentication(), config):
        return False
    local = client.protocol == "local" or bool(client.login)
    return local or config.networks.outbound.contains(client.address)


def _verdict(prepared: Prepared, case: Case) -> Verdict:
    """The decision, of which the analysis may have made a part that stands."""
    facts = prepared.sealed
    if facts is None:
        return decide(case)
    if prepared.verdict is not None:
        return prepared.verdict
    return dataclasses.replace(
        decide_again(case), generic=facts.generic, repeat_subject=facts.repeat_subject
    )


def _inbound(prepared: Prepared, case: Case, verdict: Verdict, order: Order | None) -> Inbound:
    """What is remembered; `order`: of the acknowledgement that goes out."""
    judged, mail, facts = case.triage, case.mail, prepared.sealed
    return Inbound(
        key=case.key,
        mailbox=case.mailbox.address if case.mailbox else "",
        address=case.destination.address,
        subject=mail.subject,
        network=mail.client.address,
        message_id=mail.message_id or prepared.only_here,
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
        mood=str(judged.mood),
        answer=prepared.answer if prepared.answer != NONE else "",
        promised=order.by if order else 0.0,
        short=facts.short if facts else is_short(mail),
        settled=facts.settled if facts else judged.thread is not Thread.NEW and says_settled(mail),
        writers=(mail.from_address,) if mail.from_address else (),
    )
