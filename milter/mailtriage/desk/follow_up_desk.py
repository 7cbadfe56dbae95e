"""Looks at one conversation after its acknowledgement, and writes down what follows.

All of it inside one transaction: what an agent has answered a moment before is seen, and what is
owed is owed together with the promise that it makes.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from mailtriage.acks.compose import ComposeError
from mailtriage.acks.follow_up import Composer, FollowUpMail, News
from mailtriage.acks.follow_up_texts import FollowUpTexts
from mailtriage.acks.promise import StaticTargets, config_calendar
from mailtriage.acks.tokens import Tokens, key_text
from mailtriage.config.acks import Calendar
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.desk.follow_up import (
    SOON,
    Circumstances,
    Only,
    Result,
    SendSurvey,
    SendUpdate,
    Wait,
    closing,
    decide,
)
from mailtriage.desk.follow_up_kept import wanted
from mailtriage.desk.report import Level
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.promises import Knowledge
from mailtriage.state.follow_ups import LATEST_LOOK, OwedMail, Standing
from mailtriage.state.outbox import OWED
from mailtriage.state.shared_records import Pulled
from mailtriage.state.store import Store

SURVEY_EXPIRES: Final = 3 * 86_400.0
"""Seconds for which a survey that cannot be sent is tried."""

_LEVELS: Final[dict[str, Level]] = {
    "escalated": "warning",
    "late": "warning",
    "failed": "error",
    "unsent": "warning",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of a conversation, for one line of the log and one count; without a result there
    is nothing to be told."""

    kind: str = ""
    """update or survey."""
    result: Result = ""
    skill: str = ""
    key: str = ""
    """Of the acknowledgement, as the log has it."""
    why: str = ""

    @property
    def level(self) -> Level:
        """How much it matters."""
        return _LEVELS.get(self.result, "info")


NOTHING: Final = Looked()


def _owed(
    made: FollowUpMail, kind: Literal["update", "survey"], expires: float, promised: float = 0.0
) -> OwedMail:
    return OwedMail(made.key, kind, made.message, made.message_id, made.sender, expires, promised)


def _looked(kind: str, result: Result, standing: Standing) -> Looked:
    return Looked(kind, result, standing.order.skill, key_text(standing.order.key))


@dataclass(slots=True)
class FollowUpDesk:
    """For one thread: the one that writes."""

    config: Config
    tokens: Tokens
    texts: FollowUpTexts
    knowledge: Callable[[], Knowledge]
    """What is known of answers at present."""
    _work: dict[str, WorkingTime] = field(default_factory=dict)

    def look(
        self, store: Store, conversation: int, now: float, shared: Pulled | None = None
    ) -> Looked:
        """Decide, and write what follows. Inside of a transaction.

        `shared`: what other nodes know of it. Raises what the store raises.
        """
        if shared is not None:
            store.hear(shared)
        standing = store.follow_ups.standing(conversation, now)
        if standing is None:
            return NOTHING
        mailbox = self._mailbox(standing)
        if standing.sending:
            if mailbox is None or not self._is_still_right(standing, mailbox):
                store.withdraw(standing.sending, "off", now)
                standing = store.follow_ups.standing(conversation, now) or standing
            return self._settle(store, standing, now)
        if mailbox is None or self._is_ours_or_exempt(standing):
            store.follow_ups.drop(conversation)
            return NOTHING
        given = self._circumstances(mailbox)
        decision = decide(standing, given, now)
        if isinstance(decision, Wait):
            # Whatever a clock has done, nothing is forgotten for long.
            until = min(decision.until, now + LATEST_LOOK)
            store.follow_ups.look_again(conversation, until, decision.expires)
            return NOTHING
        if isinstance(decision, Only):
            kind = "survey" if standing.answered >= standing.order.received else "update"
            return self._narrowed(store, standing, decision, kind, now)
        return self._owe(store, standing, decision, given.hours, now)

    def _settle(self, store: Store, standing: Standing, now: float) -> Looked:
        """What became of a mail that was owed."""
        state, kind, rows = standing.sending_state, standing.sending_kind, store.follow_ups
        if state in OWED:
            rows.look_again(standing.conversation, now + SOON)
            return NOTHING
        sent = state == "SENT"
        wants = standing.wants - {"updates" if kind == "update" else "survey"}
        if kind == "update" and sent:
            rows.told(standing)
            wants = standing.wants
        elif kind == "update":
            rows.not_told(standing)
        elif sent or not kind:
            wants = frozenset()
        rows.narrow(standing.conversation, wants, now)
        result: Result = "sent" if sent else "suppressed" if state == "SUPPRESSED" else "unsent"
        return _looked(kind, result, standing) if kind else NOTHING

    def _owe(
        self,
        store: Store,
        standing: Standing,
        decision: SendUpdate | SendSurvey,
        hours: Calendar,
        now: float,
    ) -> Looked:
        composer = Composer(self.config, self.texts, self.tokens)
        order, ticket = standing.order, standing.ticket
        try:
            if isinstance(decision, SendSurvey):
                made = composer.survey(order, ticket, now)
                owed = _owed(made, "survey", closing(hours, now, now + SURVEY_EXPIRES))
            else:
                number = standing.updates + 1
                news = News(standing.told, decision.by, number, decision.busy)
                made = composer.update(order, news, ticket, now)
                # A promise that has slipped by then needs another text.
                expires = closing(hours, now, standing.told)
                owed = _owed(made, "update", expires, decision.by)
        except ComposeError as error:
            # Nothing that trying again would mend.
            store.follow_ups.drop(standing.conversation)
            kind = "survey" if isinstance(decision, SendSurvey) else "update"
            return dataclasses.replace(_looked(kind, "failed", standing), why=str(error))
        store.follow_ups.owe(standing, owed, now)
        return _looked(owed.kind, "owed", standing)

    def _narrowed(
        self, store: Store, standing: Standing, decision: Only, kind: str, now: float
    ) -> Looked:
        store.follow_ups.narrow(standing.conversation, decision.wants, now)
        return _looked(kind, decision.result, standing) if decision.result else NOTHING

    def _is_still_right(self, standing: Standing, mailbox: Mailbox) -> bool:
        """Whether what is on its way may still be sent."""
        if standing.unwelcome or self._is_ours_or_exempt(standing):
            return False
        wants = standing.wants & wanted(mailbox, self.config.follow_ups)
        if standing.sending_kind == "survey":
            return "survey" in wants and not standing.opted_out
        return "updates" in wants and standing.answered < standing.order.received

    def _is_ours_or_exempt(self, standing: Standing) -> bool:
        config, to = self.config, standing.order.to
        return config.mailboxes.find(to) is not None or bool(config.exempt.why("", (to,), ()))

    def _mailbox(self, standing: Standing) -> Mailbox | None:
        boxes = self.config.mailboxes.mailboxes
        return next((box for box in boxes if box.address == standing.order.mailbox), None)

    def _circumstances(self, mailbox: Mailbox) -> Circumstances:
        config = self.config
        work = self._work.get(mailbox.address)
        if work is None:
            work = self._work[mailbox.address] = WorkingTime(config_calendar(config, mailbox))
        return Circumstances(
            wants=wanted(mailbox, config.follow_ups),
            work=work,
            knowledge=self.knowledge(),
            targets=StaticTargets(config.targets),
            settings=config.follow_ups,
        )
