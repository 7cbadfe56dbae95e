"""What every door does with a mail: read it, judge it, compute the edits, and never fail.

One code path for live mail, `explain`, `demo` and the tests.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mailtriage.config import Config
from mailtriage.config.sections import Mailbox
from mailtriage.mail.model import Client, Limits, Mail, MailStatus
from mailtriage.policies.matcher import Matcher
from mailtriage.tags.edits import edits
from mailtriage.tags.model import Edits, Status
from mailtriage.tags.profile import GENERIC, PROFILES, Profile
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


@dataclass(frozen=True, slots=True)
class Analyst:
    """Compiled policies, customers and configuration: all that judging a mail needs.

    Immutable and safe to use from several threads; a reload makes a new one.
    """

    config: Config
    matcher: Matcher
    customers: CustomerList

    @property
    def limits(self) -> Limits:
        """Bounds on the work of one mail."""
        return Limits(max_scan_bytes=self.config.milter.max_scan_bytes)

    def analyse(
        self, read: Callable[[], Mail], names: Sequence[str], *, quote: bool = False
    ) -> Analysis:
        """Judge one mail.

        `read` builds it; `names` are the names of all its header fields; `quote` adds the words
        that were hit to the evidence. Never raises: a fault of ours lets the mail pass with forged
        headers stripped and status error.
        """
        began = time.perf_counter()
        mail = Mail()
        try:
            mail = read()
            found = self._judge(mail, names, quote=quote)
        except Exception as fault:  # noqa: BLE001  no mail is held up by a bug of ours
            found = fail_open(
                names,
                Status.ERROR,
                direction=direction(self.config, mail.client),
                profile=self.profile(mail.envelope.recipients),
                detail=_where(fault),
            )
        return replace(found, milliseconds=(time.perf_counter() - began) * 1000)

    def _judge(self, mail: Mail, names: Sequence[str], *, quote: bool) -> Analysis:
        mailbox = self._mailbox(mail.envelope.recipients)
        judged = triage(
            mail,
            self.matcher,
            self.customers,
            skills=mailbox.skills if mailbox else (),
            direction=direction(self.config, mail.client),
            quote=quote,
        )
        status = Status.UNREAD if mail.status is MailStatus.UNREAD else Status.OK
        profile = _profile_of(mailbox)
        return Analysis(judged, edits(names, judged, status, profile=profile), status, mail)

    def profile(self, recipients: Sequence[str]) -> Profile:
        """The helpdesk profile of the first service mailbox among the recipients."""
        return _profile_of(self._mailbox(recipients))

    def _mailbox(self, recipients: Sequence[str]) -> Mailbox | None:
        for recipient in recipients:
            mailbox = self.config.mailboxes.find(recipient)
            if mailbox is not None:
                return mailbox
        return None


def _profile_of(mailbox: Mailbox | None) -> Profile:
    return PROFILES.get(mailbox.profile, GENERIC) if mailbox else GENERIC


def direction(config: Config, client: Client) -> Direction:
    """Inbound, unless the client logged in, is on a network of ours, or is sendmail(1) here."""
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
) -> Analysis:
    """The mail passes without analysis: forged fields go, ours say neutral values and why.

    `names` are the names of all its header fields.
    """
    # Among the ordinary mails, where a helpdesk sorts by the score.
    neutral = Triage(direction=direction, score=NORMAL_SCORE)
    return Analysis(neutral, edits(names, neutral, status, profile=profile), status, detail=detail)


def _where(fault: BaseException) -> str:
    """Class of an exception and the line it came from; never its text, which may quote the mail."""
    trace = fault.__traceback__
    place = ""
    while trace is not None:
        place = f" {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(fault).__name__}{place}"
