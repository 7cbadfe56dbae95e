"""Whether an update or a survey goes out now: a function of what is known, and nothing else.

In doubt nothing goes out. What has to wait is looked at again; what nobody can want any more is
dropped, and the address with it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from mailtriage.acks.calendar import add_open_time, is_open, next_opening, open_spans
from mailtriage.acks.promise import PromiseSource, promise
from mailtriage.config.acks import Calendar, Hours
from mailtriage.config.follow_ups import FollowUps
from mailtriage.desk.follow_up_kept import NEVER_ASKED
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.chance import chance_of_answer, time_left
from mailtriage.insight.promises import HORIZON_DAYS, Knowledge, MeasuredPromises
from mailtriage.state.follow_ups import Standing

CERTAIN: Final = 0.7
"""With such a chance of an answer in time nobody is told that it will not come."""
UNLIKELY: Final = 0.5
"""Below it a promise is likely to slip: enough to say so in the evening, where the time for it
would come in the night."""
SHARE_AGAIN: Final = 0.95
"""Of the time that the first update promised, before there is a second."""
SHARES: Final = (0.9, 0.95)
"""Of answers that come within the time that the first update names, and the second."""
NOTICE: Final = 120.0
"""Seconds before the promised time in which there is nothing left to be announced."""
LAST_CALL: Final = 1800.0
"""Seconds before the end of the hours in which a mail still goes that could only go too late."""
LOOK_EVERY: Final = 600.0
"""Seconds between two looks at what may become likely or unlikely."""
SOON: Final = 60.0
"""Seconds between two looks at what is on its way."""
HOUR: Final = 3600.0
JUMPED: Final = 120.0
"""Seconds by which the newest that is known may lie ahead: clocks of nodes differ by less."""
ROUNDED: Final = 0.001
"""Seconds by which a datetime, which knows microseconds, may be off what `time.time` said."""
SURVEY_KEPT: Final = 7 * 86_400.0
"""Seconds after the time for a survey for which it is still asked."""
FAR: Final = 60 * 86_400.0
"""Seconds: no promise is longer. One that is was made while the clock was wrong."""

Result = Literal[
    "", "owed", "sent", "late", "escalated", "withheld", "suppressed", "unsent", "failed"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at that moment (seconds since the epoch)."""

    until: float
    expires: float = 0.0
    """When the row goes from now on; 0: as it was."""


@dataclass(frozen=True, slots=True)
class Only:
    """Nothing but that is wanted any more; with nothing the row goes."""

    wants: frozenset[str] = frozenset()
    result: Result = ""
    """For the metric: what became of the rest; empty: nothing that is counted."""


@dataclass(frozen=True, slots=True)
class SendUpdate:
    """Tell the customer a later time (seconds since the epoch)."""

    by: float
    busy: bool


@dataclass(frozen=True, slots=True)
class SendSurvey:
    """Ask the customer."""


Decision = Wait | Only | SendUpdate | SendSurvey


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for all conversations of a mailbox."""

    wants: frozenset[str]
    """What the mailbox has switched on now."""
    work: WorkingTime
    knowledge: Knowledge
    targets: PromiseSource
    """What holds where nothing is known."""
    settings: FollowUps

    @property
    def calendar(self) -> Calendar:
        """Of the mailbox."""
        return self.work.calendar

    @property
    def hours(self) -> Calendar:
        """When mail to customers may go: every day, holidays included."""
        return daily(self.settings.updates.hours, self.calendar.timezone)


def decide(standing: Standing, given: Circumstances, now: float) -> Decision:
    """What to do. `now`: seconds since the epoch. Nothing is on its way."""
    wants = standing.wants & given.wants
    if not wants or standing.expires <= now or standing.unwelcome:
        return Only()
    if not standing.acknowledged:
        # Who was not acknowledged in the end is not written to later, either.
        return Wait(now + SOON) if standing.ack_owed else Only()
    if now < max(standing.last_activity, standing.acknowledged) - JUMPED:
        return Wait(now + HOUR)  # the clock was set back: nothing is known of what comes when
    if standing.answered >= standing.order.received:
        return _after_answer(standing, given, now) if "survey" in wants else Only()
    rest = wants - {"updates"}
    if "updates" in wants:
        return _before_answer(standing, given, rest, now)
    return Wait(now + HOUR)


def _before_answer(
    standing: Standing, given: Circumstances, rest: frozenset[str], now: float
) -> Decision:
    told, since, settings = standing.told, standing.since, given.settings.updates
    if standing.promised != told or not since < told < now + FAR:
        # Another node has promised something else, or a clock was wrong.
        return Only(rest, "withheld")
    if told - now < NOTICE:
        return Only(rest, "late")
    again = standing.updates > 0
    share = SHARE_AGAIN if again else settings.share
    window = given.work.between(since, told)
    chance = _chance(standing, given, now)
    if chance is not None and chance >= CERTAIN:
        return Wait(min(now + LOOK_EVERY, told))
    ripe_at = _moment(given.calendar, since, share * window, told)
    unlikely = chance is not None and chance < settings.chance and not again
    hours = given.hours
    if not (unlikely or now >= ripe_at):
        call = _last_call(hours, ripe_at, told)
        half_over = given.work.between(since, now) >= 0.5 * window
        slips = half_over if chance is None else chance < UNLIKELY
        if not (call and call <= now and slips and _is_open(hours, now)):
            return Wait(min(at for at in (ripe_at, call, now + LOOK_EVERY) if at > now))
    if not _is_open(hours, now):
        return _next(hours, now, told, rest)
    # Nor right after an acknowledgement that was late itself.
    heard = max(standing.last_in, standing.acknowledged) + settings.quiet
    if now < heard:
        return Wait(heard)
    if standing.updates >= settings.most:
        return Only(rest, "escalated")
    by = new_time(standing, given, now)
    if not by:
        return Only(rest, "withheld")
    return SendUpdate(by, _source(given, now).is_busy(*_kind(standing)))


def _after_answer(standing: Standing, given: Circumstances, now: float) -> Decision:
    settings = given.settings.surveys
    if standing.asked:
        return Only()
    if standing.opted_out or standing.order.generic or standing.skills & NEVER_ASKED:
        return Only(result="withheld")
    if not is_sampled(standing.shared_id, settings.share):
        return Only()
    expires = standing.answered + settings.after + SURVEY_KEPT
    if expires <= now:
        return Only()
    if standing.last_in >= standing.answered:
        return Wait(now + HOUR, expires)  # open again
    due = max(standing.answered, standing.last_activity) + settings.after
    if now < due:
        return Wait(due, expires)
    if standing.asked_last > now - settings.per_person:
        return Only(result="withheld")
    if standing.asked_today >= settings.per_day:
        return Wait(now + HOUR, expires)
    opens = _next_open(given.hours, now)
    if opens > now:
        return Wait(opens, expires)
    return SendSurvey()


def is_sampled(shared_id: bytes, share: float) -> bool:
    """Whether that conversation is among those after which somebody is asked: always the same
    answer. The id is a keyed hash, and as good as drawn by lot."""
    return int.from_bytes(shared_id[:7]) < share * 2**56


def new_time(standing: Standing, given: Circumstances, now: float) -> float:
    """The time to be promised instead, in seconds since the epoch; 0: there is none.

    Nine of ten such mails are answered by then, be it new ones or such as have waited so long
    already; and at least a quarter of a working day later than what was promised, since two bad
    news are worse than a long one.
    """
    share = SHARES[min(standing.updates, len(SHARES) - 1)]
    work, kind = given.work, _kind(standing)
    source = MeasuredPromises(given.knowledge, work, now, given.targets, share)
    waited = work.between(standing.waits_since or standing.order.received, now)
    estimate = source.estimate(*kind)
    left = time_left(given.knowledge, kind, now, waited, estimate, share)
    target = min(max(source.target(*kind), left), HORIZON_DAYS * work.day)
    least = add_open_time(given.calendar, as_utc(standing.told), work.day / 4)
    found = promise(given.calendar, target, as_utc(now))
    if found is None or least is None:
        return 0.0
    if found.by < least:
        found = promise(given.calendar, work.between(now, least.timestamp()), as_utc(now))
    if found is None or not least <= found.by < as_utc(now + FAR):
        return 0.0
    return found.by.timestamp()


def daily(hours: Hours, timezone: str) -> Calendar:
    """The same hours on every day of the year."""
    return Calendar("hours", timezone, week=(hours, hours, hours, hours, hours, hours, hours))


def _kind(standing: Standing) -> tuple[str, str]:
    return standing.order.skill, standing.order.priority


def _source(given: Circumstances, now: float) -> MeasuredPromises:
    return MeasuredPromises(given.knowledge, given.work, now, given.targets)


def _chance(standing: Standing, given: Circumstances, now: float) -> float | None:
    waited = given.work.between(standing.waits_since or standing.order.received, now)
    left = given.work.between(now, standing.told)
    kind = _kind(standing)
    estimate = _source(given, now).estimate(*kind)
    return chance_of_answer(given.knowledge, kind, now, waited, left, estimate)


def _moment(calendar: Calendar, since: float, seconds: float, told: float) -> float:
    """When the team has worked for so long since then. At the latest when the promise is over."""
    found = add_open_time(calendar, as_utc(since), seconds)
    return told if found is None else min(found.timestamp(), told)


def _last_call(hours: Calendar, ripe_at: float, told: float) -> float:
    """When the last mail may go that could only go too late otherwise, as nothing is sent between
    then and the promised time; 0: there is a better moment."""
    if _next_open(hours, ripe_at) < told - NOTICE:
        return 0.0
    ends = [
        closes.timestamp()
        for closes in _closings(hours, ripe_at - 2 * 86_400.0, ripe_at)
    ]  # fmt: skip
    return ends[-1] - LAST_CALL if ends else 0.0


def _closings(hours: Calendar, since: float, until: float) -> list[datetime]:
    found = []
    for _, closes in open_spans(hours, as_utc(since)):
        if closes.timestamp() > until:
            break
        found.append(closes)
    return found


def _next(hours: Calendar, now: float, told: float, rest: frozenset[str]) -> Decision:
    opens = _next_open(hours, now)
    return Wait(opens) if opens < told - NOTICE else Only(rest, "late")


def _next_open(hours: Calendar, at: float) -> float:
    """Infinite when that is never."""
    found = next_opening(hours, as_utc(at))
    if found is None:
        return float("inf")
    return at if found.timestamp() - at < ROUNDED else found.timestamp()


def closing(hours: Calendar, now: float, latest: float) -> float:
    """Until when a mail may go that is owed now: the end of the hours, and `latest`.

    A mail that the server would not take in the evening does not go out in the night.
    """
    end = now
    for opens, closes in open_spans(hours, as_utc(now)):
        if opens.timestamp() > end + ROUNDED or end >= latest:
            break
        end = closes.timestamp()
    return min(end, latest)


def _is_open(hours: Calendar, at: float) -> bool:
    return is_open(hours, as_utc(at))


def as_utc(at: float) -> datetime:
    """Seconds since the epoch as an aware datetime."""
    return datetime.fromtimestamp(at, UTC)
