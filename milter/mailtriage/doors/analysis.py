"""What every door does with a mail: read it, judge it, compute the edits, and never fail.

One code path for live mail, `explain`, `demo` and the tests.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from mailtriage.acks.destinations import is_form
from mailtriage.acks.model import Authentication
from mailtriage.acks.plan import Plan, outbound_recipient, plan_inbound, unread_recipient
from mailtriage.acks.repair import repaired
from mailtriage.acks.seal import write_seal
from mailtriage.acks.templates import Texts
from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.model import Classifier
from mailtriage.config import Config
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.profiles import GENERIC, Profile
from mailtriage.faults import place_of
from mailtriage.mail.domains import same_address
from mailtriage.mail.model import Client, Envelope, Limits, Mail, MailStatus
from mailtriage.policies.matcher import Matcher
from mailtriage.state.ledger import NO_LEDGER, Ledger
from mailtriage.tags.edits import edits
from mailtriage.tags.model import Edits, Rerouting, Status
from mailtriage.triage.customer import CustomerList
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Direction, Triage
from mailtriage.triage.priority import NORMAL_SCORE


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
            fields = [(header.name, header.raw) for header in mail.headers]
            found = fail_open(
                names,
                Status.ERROR,
                direction=direction(self.config, mail.client),
                profile=self.profile(mail.envelope.recipients),
                detail=place_of(fault),
                recipient=self.unread_recipient(
                    fields, body, mail.envelope, mail.client, mail.queue_id
                ),
                silence=self.silences(mail.envelope.recipients),
            )
        return replace(found, milliseconds=(time.perf_counter() - began) * 1000)

    def _judge(self, mail: Mail, names: Sequence[str], body: bytes, *, quote: bool) -> Analysis:
        mailbox = self._mailbox(mail.envelope.recipients)
        now = time.time()
        judged = triage(
            mail,
            self.matcher,
            self.customers,
            skills=mailbox.skills if mailbox else (),
            direction=direction(self.config, mail.client),
            quote=quote,
            model=self.model,
        )
        status = Status.UNREAD if mail.status is MailStatus.UNREAD else Status.OK
        profile = self.profile(mail.envelope.recipients)
        config, tokens, ledger = self.config, self.tokens, self.ledger
        if judged.direction is Direction.OUTBOUND:
            hidden = outbound_recipient(mail, config, tokens, ledger, now)
            made = edits(names, judged, status, profile=profile, recipient=hidden)
            return Analysis(judged, made, status, mail)
        plan = plan_inbound(mail, judged, config, tokens, ledger, now, body=body, thorough=quote)
        made = edits(
            names,
            judged,
            status,
            profile=profile,
            ack=plan.verdict.announced,
            ack_rule=plan.verdict.rule or "none",
            seal=partial(_seal, plan) if plan.case.mailbox else None,  # no desk would read it
            recipient=plan.recipient,
            silence=_silences(mailbox),
            replace=repaired(plan.case, ledger),
            reroute=self._rerouted(plan),
        )
        return Analysis(judged, made, status, mail, plan=plan)

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

    def unread_recipient(
        self,
        headers: Sequence[tuple[str, bytes]],
        body: bytes,
        envelope: Envelope,
        client: Client,
        queue_id: str,
    ) -> str:
        """The hidden recipient of a mail that passes unjudged; empty for outbound mail. Never
        raises: this is what a door does when all else has failed."""
        if direction(self.config, client) is Direction.OUTBOUND:
            return ""
        try:
            return unread_recipient(headers, body, envelope, queue_id, self.config, self.tokens)
        except Exception:  # noqa: BLE001  the mail goes on; the sweeper tells the desk
            return ""

    def profile(self, recipients: Sequence[str]) -> Profile:
        """The helpdesk profile of the first service mailbox among the recipients. It strips what
        those of the others strip as well: each helpdesk gets the same mail."""
        mailboxes = map(self.config.mailboxes.find, recipients)
        first, *others = [self._profile_of(one) for one in mailboxes if one] or [GENERIC]
        strips = tuple(name for other in others for name in other.strips)
        if set(strips) <= set(first.strips):
            return first
        return replace(first, strip=tuple(dict.fromkeys((*first.strip, *strips))))

    def silences(self, recipients: Sequence[str]) -> bool:
        """Whether we acknowledge for that mailbox, so that its helpdesk must not."""
        return _silences(self._mailbox(recipients))

    def _profile_of(self, mailbox: Mailbox | None) -> Profile:
        return self.config.profiles.get(mailbox.profile, GENERIC) if mailbox else GENERIC

    def _mailbox(self, recipients: Sequence[str]) -> Mailbox | None:
        for recipient in recipients:
            mailbox = self.config.mailboxes.find(recipient)
            if mailbox is not None:
                return mailbox
        return None


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
) -> Analysis:
    """The mail passes without analysis: forged fields go, ours say neutral values and why.

    `names` are the names of all its header fields; `recipient` is the hidden one, through which the
    desk judges the mail later; `silence` as for `edits`.
    """
    # Among the ordinary mails, where a helpdesk sorts by the score.
    neutral = Triage(direction=direction, score=NORMAL_SCORE)
    made = edits(names, neutral, status, profile=profile, recipient=recipient, silence=silence)
    return Analysis(neutral, made, status, detail=detail)


def _seal(plan: Plan, ours: tuple[tuple[str, str], ...]) -> str:
    return write_seal(plan.case.tokens, plan.case.key, ours, plan.facts())
