"""All rules, and what a record says to each of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tests.replay import rules_acks, rules_desk, rules_follow_ups
from tests.replay.record import Record

Check = Callable[[Record], Iterator[str]]

ACKS: Final[tuple[Check, ...]] = (
    rules_acks.one_ack_a_mail,
    rules_acks.one_ack_a_conversation,
    rules_acks.every_first_mail_acknowledged,
    rules_acks.only_known_mail_is_acknowledged,
    rules_acks.nothing_to_the_unauthenticated,
    rules_acks.nothing_to_machines,
    rules_acks.nothing_to_who_wrote_to_somebody_else,
    rules_acks.replies_are_not_acknowledged,
    rules_acks.loops_end,
    rules_acks.acks_are_marked,
    rules_acks.acks_come_at_once,
    rules_acks.language_is_right,
    rules_acks.promises_are_possible,
    rules_acks.nothing_is_echoed,
)
DESK: Final[tuple[Check, ...]] = (
    rules_desk.helpdesk_has_every_mail,
    rules_desk.answers_leave_unchanged,
    rules_desk.people_are_seen_as_people,
    rules_desk.metrics_say_what_was_seen,
    rules_desk.nothing_went_wrong,
)
WEEKS: Final[tuple[Check, ...]] = (
    rules_desk.promises_are_kept,
    rules_desk.surge_is_told,
    rules_desk.few_false_alarms,
    rules_follow_ups.slips_are_announced,
    rules_follow_ups.updates_are_seldom_needless,
)
"""Rules that say something of weeks only."""
FOLLOW_UPS: Final[tuple[Check, ...]] = (
    rules_follow_ups.follow_ups_are_marked,
    rules_follow_ups.follow_ups_follow_an_ack,
    rules_follow_ups.nothing_at_night,
    rules_follow_ups.updates_come_before_the_promise,
    rules_follow_ups.surveys_come_after_the_case,
    rules_follow_ups.surveys_leave_people_alone,
    rules_follow_ups.votes_are_counted,
)
ALWAYS: Final = (*ACKS, *DESK, *FOLLOW_UPS)
RULES: Final = (*ALWAYS, *WEEKS)


def broken(record: Record, rules: tuple[Check, ...] = RULES) -> Mapping[str, list[str]]:
    """What breaks each rule, by its name; rules that hold are left out."""
    found = {check.__name__: list(check(record)) for check in rules}
    return {name: faults for name, faults in found.items() if faults}
