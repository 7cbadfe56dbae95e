"""The account of a run: what was counted, and what must hold."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.account import MIXED, PARTLY, UNTAGGED, Check
from tests.chaos.place import Left, outbox_counts
from tests.soak.judge import Trend
from tests.soak.letters import Letter
from tests.soak.pace import CLIENTS, Sent
from tests.soak.postfix_log import MilterTrouble, trouble, way
from tests.soak.scrape import Scrape
from tests.soak.storm import Storm
from tests.soak.world import World
from tests.support.site import Site

ACCEPTED: Final = "accepted by Postfix"
_SHOWN: Final = 8

_Of = Callable[..., Check]
"""What, the numbers of the mails, how many there may be at most (0)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the run, and what became of memory and descriptors in it."""

    name: str
    seconds: float
    mails: int
    """Accepted meanwhile."""
    slowest: float
    """Mails a second in its slowest ten seconds, once it is warm."""
    trends: tuple[Trend, ...]

    @property
    def rate(self) -> float:
        """Mails a second that were accepted."""
        return self.mails / self.seconds


@dataclass(frozen=True, slots=True)
class Account:
    """All of a run."""

    wish: float
    stretches: tuple[Stretch, ...]
    checks: tuple[Check, ...]
    numbers: dict[str, tuple[int, ...]]
    """Some of the mails to blame, for each check."""
    log: Path
    """Postfix's."""

    @property
    def failures(self) -> list[str]:
        """What must not be; empty when all is well."""
        counted = [
            f"{one.what.strip()}: {one.figure}, mails {self.numbers.get(one.what) or '-'}"
            for one in self.checks
            if one.failed
        ]
        grown = [
            f"{stretch.name}: {trend.what}: {trend.verdict}"
            for stretch in self.stretches
            for trend in stretch.trends
            if trend.failed
        ]
        return counted + grown

    def evidence(self) -> str:
        """What Postfix's log says of some of the mails to blame."""
        blamed = {n for one in self.checks if one.failed for n in self.numbers.get(one.what, ())}
        with self.log.open(errors="replace") as log:
            return "\n".join(way(log, blamed))

    def table(self) -> str:
        """For a terminal."""
        lines = []
        for stretch in self.stretches:
            lines += [*_stretch(stretch, self.wish), ""]
        width = max(len(one.what) for one in self.checks)
        lines.append(f"{'':{width}}  figure  at most")
        for one in self.checks:
            limit = "" if one.most is None else str(one.most)
            verdict = "WRONG" if one.failed else ""
            lines.append(f"{one.what:{width}}  {one.figure:6}  {limit:>7}  {verdict}".rstrip())
        return "\n".join(lines)


def _stretch(stretch: Stretch, wish: float) -> list[str]:
    held = f"{stretch.seconds:.0f} s, {stretch.rate:.1f} mails a second held ({wish:g} wished for)"
    lines = [
        f"{stretch.name}: {held}, {stretch.slowest:.1f} in the slowest ten seconds",
        f"  {'':32}{'first third':>12}{'last third':>12}{'ratio':>8}{'samples':>9}",
    ]
    for trend in stretch.trends:
        name = f"{trend.what}, {trend.unit}" if trend.unit else trend.what
        lines.append(
            f"  {name:32}{trend.first:12.1f}{trend.last:12.1f}{trend.ratio:8.3f}{trend.samples:9}"
            f"{f'  WRONG: {trend.verdict}' if trend.failed else ''}"
        )
    return lines


def draw_up(
    site: Site,
    world: World,
    sent: Sequence[Sent],
    storm: Storm,
    rest: Left,
    scrape: Scrape,
    *,
    wish: float,
    stretches: tuple[Stretch, ...],
) -> Account:
    """Count everything; call it when nothing is under way any more."""
    with site.postfix.log_file.open(errors="replace") as log:
        passed = trouble(log)
    numbers: dict[str, tuple[int, ...]] = {}

    def of(what: str, found: Sequence[int], most: int | None = 0) -> Check:
        numbers[what] = tuple(found[:_SHOWN])
        return Check(what, len(found), most)

    checks = (
        *_arrivals(of, world, sent),
        *_tagging(of, world, storm, scrape, passed),
        *_acks(of, world, sent, storm),
        Check("mails left in Postfix's queue", rest.queued, 0),
        Check("acknowledgements owed still", rest.owed, 0),
        Check("rows of the outbox that are not SENT", _stuck(site), 0),
        Check("mails that the desk could not digest", scrape.count("mailtriage_desk_failures"), 0),
        *(Check(f"kills: {role}", number) for role, number in sorted(storm.kills.items())),
        Check(
            "processes that died, but for those",
            scrape.count("mailtriage_worker_restarts", reason="died") - storm.kills.total(),
            0,
        ),
        Check("reloads asked for", storm.reloads),
        Check("reloads refused", scrape.count("mailtriage_config_reloads", result="refused"), 0),
    )
    return Account(wish, stretches, checks, numbers, site.postfix.log_file)


def _arrivals(of: _Of, world: World, sent: Sequence[Sent]) -> list[Check]:
    accepted = [one for one in sent if one.code // 100 == 2]
    unsettled = [one.number for one in sent if one.code // 100 != 2]
    gone = [one.number for one in accepted if one.number not in world.copies]
    # Where an answer was lost, the client had to send again, and Postfix took both.
    twice = [one.number for one in accepted if len(world.copies[one.number]) > 1 + one.lost]
    changed = [
        number
        for number, copies in world.copies.items()
        if not all(copy.unchanged for copy in copies)
    ]
    slow = sorted(one.waited for one in accepted)
    return [
        of(ACCEPTED, [one.number for one in accepted], None),
        of("not accepted in the time there was", unsettled),
        of("accepted and not at the helpdesk", gone),
        of("at the helpdesk more than once", twice),
        of("changed on the way there", changed),
        Check("mails that nobody sent", world.strange, 0),
        Check("times that clients tried again", sum(one.tries - 1 for one in sent)),
        Check("ms of the client, median", round(slow[len(slow) // 2]) if slow else 0),
        Check("ms of the client, 99th percentile", round(slow[len(slow) * 99 // 100]) if slow else 0),
    ]  # fmt: skip


def _tagging(
    of: _Of, world: World, storm: Storm, scrape: Scrape, passed: MilterTrouble
) -> list[Check]:
    tags = Counter(copy.tags for copies in world.copies.values() for copy in copies)
    with_status = sorted(tags.keys() - {UNTAGGED, PARTLY, MIXED})
    opened = sum(tags[name] for name in with_status if name not in ("ok", "unread"))
    counted = scrape.count("mailtriage_messages", outcome="fail_open")
    bare = [
        number
        for number, copies in world.copies.items()
        if any(copy.tags in (UNTAGGED, PARTLY) for copy in copies)
    ]
    mixed = [
        number
        for number, copies in world.copies.items()
        if any(copy.tags == MIXED for copy in copies)
    ]
    return [
        *(Check(f"  tagged, status {name}", tags[name]) for name in with_status),
        Check(UNTAGGED, tags[UNTAGGED]),
        Check(PARTLY, tags[PARTLY]),
        of(MIXED, mixed),
        Check("milters lost, by Postfix's log", passed.warnings),
        of("untagged, and Postfix lost no milter", sorted({*bare} - passed.mails)),
        Check("fail-opens, by the metrics", counted),
        # A milter that is killed takes what it counted in its last second with it.
        Check(
            "fail-opens that no metric has counted",
            max(0, opened - counted),
            storm.kills["milter"] * CLIENTS,
        ),
        *(
            Check(f"  fail-opens: {reason}", number, 0 if reason == "bug" else None)
            for reason, number in sorted(scrape.by("mailtriage_fail_open", "reason").items())
        ),
    ]


def _acks(of: _Of, world: World, sent: Sequence[Sent], storm: Storm) -> list[Check]:
    letters = [Letter(one.number) for one in sent if one.code // 100 == 2]
    owed = [one.number for one in letters if one.is_answered]
    acks = world.acks
    twice = [number for number in owed if len(acks.get(number, ())) > 1]
    return [
        of("to be acknowledged", owed, None),
        of("without acknowledgement", [one for one in owed if one not in acks]),
        of(
            "robots and lists acknowledged",
            [one.number for one in letters if not one.is_answered and one.number in acks],
        ),
        # The one that was handed in and not yet marked when the worker was killed (RFC 1047).
        of("acknowledged more than once", twice, storm.kills["acks"]),
        of("  of these unlike the first", [one for one in twice if len(set(acks[one])) > 1]),
    ]


def _stuck(site: Site) -> int:
    return sum(number for state, number in outbox_counts(site).items() if state != "SENT")
