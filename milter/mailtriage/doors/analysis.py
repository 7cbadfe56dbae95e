"""What every door does with a mail: read it, judge it, compute the edits, and never fail.

One code path for live mail, `explain`, `demo` and the tests.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from mailtriage.acks.destinations import is_form
from mailtriage.acks.model import Authentication
from mailtriage.acks.plan import Plan, outbound_recipient, plan_inbound, unread_recipient
from mailtriage.acks.recipients import mailbox_of, service_mailbox
from mailtriage.acks.repair import repaired
from mailtriage.acks.seal import write_seal
from mailtriage.acks.suggested import NOTHING, Suggested, suggest
from mailtriage.acks.templates import Texts
from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.model import Classifier
from mailtriage.clock import Clock
from mailtriage.config import Config
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.config.trial import Exemption
from mailtriage.doors.tried import (
    Trial,
    Tried,
    exemption,
    is_untouched,
    judge_again,
    tries,
    would,
)
from mailtriage.faults import place_of
from mailtriage.knowledge.answer_choice import suggest_answer
from mailtriage.knowledge.answer_index import AnswerIndex
from mailtriage.knowledge.search import KnowledgeIndex
from mailtriage.mail.domains import same_address
from mailtriage.mail.model import Client, Envelope, Limits, Mail, MailStatus
from mailtriage.mail.read import read_mail
from mailtriage.policies.matcher import Matcher
from mailtriage.state.ledger import NO_LEDGER, Ledger
from mailtriage.tags.edits import edits, forged
from mailtriage.tags.model import Edits, Rerouting, Status
from mailtriage.tags.vocabulary import NONE, dry_run_value
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Direction, Triage
from mailtriage.triage.priority import NORMAL_SCORE

_FOR_DECIDING: Final = frozenset({"from", "to", "cc", "message-id", "date", "subject"})
"""Fields that tell which mailbox a mail is for, whether it is exempt, and what it is known by."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that follows from one mail."""

    triage: Triage
    edits: Edits
    status: Status
    mail: Mail | None = None
    """None when the mail was passed on unread."""
    milliseconds: float = 0.0
    detail: str = ""
    """For the log: the class and place of the fault when status is error."""
    plan: Plan | None = None
    """Of an inbound mail: whether it is acknowledged. None when nobody got that far."""
    exempt: Exemption = ""
    """Why it was left alone, and not even judged; empty: it was not."""
    tried: Tried | None = None
    """What was only tried of it; None where nothing is."""
    suggested: Suggested = NOTHING
    """What the knowledge base said to it."""


@dataclass(frozen=True, slots=True)
class Analyst:
    """Compiled policies, customers and configuration: all that judging a mail needs.

    Immutable and safe to use from several threads; a reload makes a new one.
    """

    config: Config
    matcher: Matcher
    customers: CustomerList
    tokens: Tokens = field(default_factory=lambda: Tokens(secrets.token_bytes(32)))
    ledger: Ledger = NO_LEDGER
    texts: Texts | None = None
    """What acknowledgements say; None where none is ever written (tests of the tags)."""
    model: Classifier | None = None
    """The trained model beside the rules; None: the rules decide alone."""
    trial: Trial | None = None
    """The policies that count, with those that are only tried; None without any."""
    knowledge: KnowledgeIndex | None = None
    """The knowledge base; None where there is none."""
    answers: AnswerIndex | None = None
    """The answer templates; None where there are none."""
    clock: Clock = time.time
    """What time it is."""

    @property
    def limits(self) -> Limits:
        """Bounds on the work of one mail."""
        return Limits(max_scan_bytes=self.config.milter.max_scan_bytes)

    def analyse(
        self,
        read: Callable[[], Mail],
        names: Sequence[str],
        *,
        body: bytes = b"",
        quote: bool = False,
    ) -> Analysis:
        """Judge one mail.

        `read` builds it; `names` are the names of all its header fields; `body` is its raw body, as
        far as seen, by which a mail without a Message-ID is known again; `quote` is for
        people: it adds the words that were hit to the evidence, and asks all rules about an
        acknowledgement even where there are no mailboxes. Never raises: a fault of ours lets the
        mail pass with forged headers stripped and status error.
        """
        began = time.perf_counter()
        mail = Mail()
        try:
            mail = read()
            found = self._judge(mail, names, body, quote=quote)
        except Exception as fault:  # noqa: BLE001  no mail is held up by a bug of ours
            found = self._pass(mail, names, body, Status.ERROR, place_of(fault))
        return replace(found, milliseconds=(time.perf_counter() - began) * 1000)

    def _judge(self, mail: Mail, names: Sequence[str], body: bytes, *, quote: bool) -> Analysis:
        config, tokens, ledger = self.config, self.tokens, self.ledger
        mailbox, _ = service_mailbox(mail, config)
        way = direction(config, mail.client)
        exempt = exemption(mail, config) if way is Direction.INBOUND else ""
        if exempt:
            alone = Edits(forged(names, self._profile(mailbox, mail.envelope.recipients)))
            return Analysis(Triage(), alone, Status.OK, mail, exempt=exempt)
        now = self.clock()
        judged = triage(
            mail,
            self.matcher,
            self.customers,
            skills=mailbox.skills if mailbox else (),
            direction=way,
            quote=quote,
            model=self.model,
        )
        status = Status.UNREAD if mail.status is MailStatus.UNREAD else Status.OK
        if way is Direction.OUTBOUND:
            hidden = ""
            if not is_untouched(tries(self._writer(mail), config)):
                hidden = outbound_recipient(mail, config, tokens, ledger, now)
            return Analysis(judged, edits(names, judged, status, recipient=hidden), status, mail)
        plan = plan_inbound(mail, judged, config, tokens, ledger, now, body=body, thorough=quote)
        suggested = suggest(self.knowledge, mail, judged, config.kb)
        plan = replace(plan, kb=suggested.link, passage=suggested.passage)
        reroute = self._rerouted(plan)
        dry = tries(mailbox, config)
        tried = self._tried(plan, judged, dry, quote=quote) if dry or self.trial else None
        made = edits(
            names,
            judged,
            status,
            profile=self._profile(mailbox, mail.envelope.recipients),
            kb=suggested.id or NONE,
            ack=plan.verdict.announced,
            ack_rule=plan.verdict.rule or "none",
            answer=self._answer(mail, judged, suggested.id),
            seal=partial(_seal, plan) if plan.case.mailbox else None,  # no desk would read it
            recipient="" if is_untouched(dry) else plan.recipient,
            silence=_silences(mailbox),
            replace=() if is_untouched(dry) else repaired(plan.case, ledger),
            reroute=() if "route" in dry else reroute,
            dry_run=_dry_run(tried, status) if tried else "",
            tagged="tags" not in dry,
        )
        return Analysis(judged, made, status, mail, plan=plan, tried=tried, suggested=suggested)

    def _answer(self, mail: Mail, judged: Triage, section: str) -> str:
        """Value of X-Mailtriage-Answer; empty where there are no templates."""
        settings = self.config.answers
        if settings.folder is None:
            return ""
        return suggest_answer(self.answers, mail, judged, section, settings) or NONE

    def _tried(self, plan: Plan, judged: Triage, dry: tuple[str, ...], *, quote: bool) -> Tried:
        """What would be done to a mail if nothing were only tried."""
        full, mailbox = judged, plan.case.mailbox
        if self.trial is not None:
            full = judge_again(self.trial, plan.case.mail, judged, mailbox, quote=quote)
        tried = would(plan, judged, full, dry, self.trial)
        return replace(tried, reroute=self._rerouted(tried.plan) if tried.plan else ())

    def _rerouted(self, plan: Plan) -> tuple[Rerouting, ...]:
        """Recipients that make way for the address of their mailbox that takes such mail.

        An answer goes where its conversation went: its own few words say less of the matter than
        the first mail did, and a helpdesk with a queue for each address would open a second ticket.
        """
        judged, known = plan.case.triage, plan.case.history.conversation
        skill, language = judged.skill, judged.language
        if known is not None and known.skill:
            skill, language = known.skill, known.language
        found: dict[str, Rerouting] = {}
        for recipient in plan.case.mail.envelope.recipients:
            mailbox = self.config.mailboxes.find(recipient)
            if mailbox is None or mailbox.route != "recipient":
                continue
            address = same_address(recipient)
            if address in mailbox.routes.values() and address != mailbox.address:
                continue  # it was sent to the right one, by whoever was told of it
            target = mailbox.route_to(skill, language)
            if target not in ("", address):
                found[recipient] = Rerouting(recipient, target)
        # A recipient that another one makes way for stays, whatever routes it has of its own: to
        # delete it would take the mail from both.
        targets = {change.new for change in found.values()}
        return tuple(one for one in found.values() if same_address(one.old) not in targets)

    def pass_on(
        self,
        names: Sequence[str],
        headers: Sequence[tuple[str, bytes]],
        body: bytes,
        envelope: Envelope,
        client: Client,
        queue_id: str,
        status: Status,
        detail: str,
    ) -> Analysis:
        """A mail that passes without an analysis; `status` and `detail` say why. Never raises: this
        is what a door does when all else has failed.

        `names` are the names of all its header fields, `headers` those fields as far as they were
        kept, `body` its body as far as seen.
        """
        few = [field for field in headers if field[0].lower() in _FOR_DECIDING]
        mail = read_mail(few, b"", envelope=envelope, client=client, queue_id=queue_id)
        return self._pass(mail, names, body, status, detail)

    def _pass(
        self, mail: Mail, names: Sequence[str], body: bytes, status: Status, detail: str
    ) -> Analysis:
        way = direction(self.config, mail.client)
        if way is Direction.OUTBOUND:
            return fail_open(names, status, direction=way, detail=detail)
        mailbox, profile, exempt = self._decided(mail)
        if exempt:
            alone = Edits(forged(names, profile))
            return Analysis(Triage(), alone, status, detail=detail, exempt=exempt)
        dry = tries(mailbox, self.config)
        return fail_open(
            names,
            status,
            profile=profile,
            detail=detail,
            recipient="" if is_untouched(dry) else self._unread_recipient(mail, body),
            silence=_silences(mailbox),
            dry=dry,
            answer="" if self.config.answers.folder is None else NONE,
        )

    def _decided(self, mail: Mail) -> tuple[Mailbox | None, Profile, Exemption]:
        """The mailbox that an unread inbound mail is for, the profile, and what exempts it."""
        recipients = mail.envelope.recipients
        try:
            mailbox, _ = service_mailbox(mail, self.config)
            return mailbox, self._profile(mailbox, recipients), exemption(mail, self.config)
        except Exception:  # noqa: BLE001  then by the envelope, which every door has
            found = map(self.config.mailboxes.find, recipients)
            mailbox = next(filter(None, found), None)
            return mailbox, self._profile(mailbox, recipients[:1]), ""

    def _unread_recipient(self, mail: Mail, body: bytes) -> str:
        fields = [(header.name, header.raw) for header in mail.headers]
        try:
            return unread_recipient(
                fields, body, mail.envelope, mail.queue_id, self.config, self.tokens
            )
        except Exception:  # noqa: BLE001  the mail goes on; the sweeper tells the desk
            return ""

    def _profile(self, mailbox: Mailbox | None, recipients: Sequence[str]) -> Profile:
        """The helpdesk profile of the mailbox that a mail is for. It strips what those of its other
        mailboxes strip as well: each helpdesk gets the same mail."""
        if mailbox is None:
            return GENERIC
        first = self.config.profiles.get(mailbox.profile, GENERIC)
        if len(recipients) == 1:
            return first
        mailboxes = [mailbox_of(recipient, self.config) for recipient in recipients]
        others = [self.config.profiles.get(one.profile, GENERIC) for one in mailboxes if one]
        strips = tuple(name for other in others for name in other.strips)
        if set(strips) <= set(first.strips):
            return first
        return replace(first, strip=tuple(dict.fromkeys((*first.strip, *strips))))

    def _writer(self, mail: Mail) -> Mailbox | None:
        """The mailbox that an outbound mail comes from."""
        addresses = (mail.from_address, mail.envelope.sender)
        return next(filter(None, map(self.config.mailboxes.find, addresses)), None)


def _silences(mailbox: Mailbox | None) -> bool:
    return mailbox is not None and mailbox.ack in {"send", "deferred"}


def direction(config: Config, client: Client) -> Direction:
    """Inbound, unless the client logged in, is on a network of ours, or is sendmail(1) here.

    Web forms are customers, wherever they run.
    """
    if is_form(client, Authentication(), config):
        return Direction.INBOUND
    if client.login or client.protocol == "local":
        return Direction.OUTBOUND
    if client.address and config.networks.outbound.contains(client.address):
        return Direction.OUTBOUND
    return Direction.INBOUND


def fail_open(
    names: Iterable[str],
    status: Status,
    *,
    direction: Direction = Direction.INBOUND,
    profile: Profile = GENERIC,
    detail: str = "",
    recipient: str = "",
    silence: bool = False,
    dry: tuple[str, ...] = (),
    answer: str = "",
) -> Analysis:
    """The mail passes without analysis: forged fields go, ours say neutral values and why.

    `names` are the names of all its header fields; `recipient` is the hidden one, through which the
    desk judges the mail later; `silence` and `answer` as for `edits`; `dry`: what is only tried of
    it.
    """
    # Among the ordinary mails, where a helpdesk sorts by the score.
    neutral = Triage(direction=direction, score=NORMAL_SCORE)
    tried = Tried(dry, neutral) if dry else None
    made = edits(
        names,
        neutral,
        status,
        profile=profile,
        recipient=recipient,
        silence=silence,
        answer=answer,
        dry_run=_dry_run(tried, status) if tried else "",
        tagged="tags" not in dry,
    )
    return Analysis(neutral, made, status, detail=detail, tried=tried)


def _dry_run(tried: Tried, status: Status) -> str:
    """Value of X-Mailtriage-Dry-Run."""
    ack = str(tried.plan.verdict.announced) if tried.plan else NONE
    return dry_run_value(tried.triage, status, ack=ack, routed=bool(tried.reroute))


def _seal(plan: Plan, ours: tuple[tuple[str, str], ...]) -> str:
    return write_seal(plan.case.tokens, plan.case.key, ours, plan.facts())
