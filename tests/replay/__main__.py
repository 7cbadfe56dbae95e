"""The command: one replay, its figures, and what broke a rule."""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from tests.replay.record import Record
from tests.replay.rules import ALWAYS, RULES, broken
from tests.replay.rules_desk import false_alarms, kept_promises, time_to_surge
from tests.replay.rules_follow_ups import news_of_updates
from tests.replay.run import replay
from tests.replay.simulated import DAY, HOUR

SHOWN: Final = 5
"""Faults of a rule that are printed."""


def main() -> int:
    """0 when every rule held, 1 when one did not."""
    arguments = _arguments()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        if any(arguments.keep.iterdir()):
            print(f"replay: {arguments.keep} is not empty", file=sys.stderr)
            return 1
        record = _played(arguments, arguments.keep)
    else:
        # In memory where there is such a place: it waits for the disk some ten thousand times.
        fast = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryDirectory(prefix="mailtriage-replay-", dir=fast) as folder:
            record = _played(arguments, Path(folder))
    print(table(record))
    found = broken(record, RULES if arguments.weeks >= 4 else ALWAYS)
    for name, faults in found.items():
        print(f"WRONG: {name}: {len(faults)}")
        for fault in faults[:SHOWN]:
            print(f"  {fault}")
    print("replay: " + ("a rule was broken" if found else "every rule held"))
    return 1 if found else 0


def _played(arguments: argparse.Namespace, folder: Path) -> Record:
    return asyncio.run(replay(folder, weeks=arguments.weeks, seed=arguments.seed))


def table(record: Record) -> str:
    """The figures, one a line."""
    mails = record.taught + len(record.arrivals) + len(record.submitted)
    came = Counter(one.letter.kind for one in record.arrivals)
    left = Counter(one.what for one in record.left if not one.reply)
    kept, judged = kept_promises(record)
    days, rate = (record.ends - record.begins) / DAY, mails / max(record.seconds, 1)
    lines = [
        f"played         {days:.0f} days in {record.seconds:.0f} s, {mails} mails, {rate:.0f} a second",
        f"came in        {len(record.arrivals)}: {_counts(came)}",
        f"helpdesk sent  {len(record.submitted)}, answers among them: {len(record.answers)}",
        f"we sent        {_counts(left)}",
        f"promises       {kept} of {judged} kept ({kept / max(judged, 1):.2f})",
        *_by_week(record),
    ]
    if record.surge:
        lines.append(f"surge          told after {time_to_surge(record) / HOUR:.1f} h")
    news = news_of_updates(record)
    lines.append(
        f"updates        {news.told} of {news.slipped} late answers were announced;"
        f" of {news.acknowledged} customers {news.needless} were told and answered in time,"
        f" {news.unanswered} told and not answered"
    )
    votes = Counter(one.what for one in record.votes)
    lines.append(
        f"surveys        {len(record.of('survey'))}, answered by {_counts(votes) or 'nobody'}"
    )
    alarms = false_alarms(record)
    lines.append(f"false alarms   {len(alarms)}")
    lines += [f"               {one}" for one in alarms]
    return "\n".join(lines)


def _by_week(record: Record) -> list[str]:
    """Promises by the week in which they were given: the surge is in the second, and one of the
    people is ill in the third."""
    answered = {one.matter: one.at for one in reversed(record.answers)}
    found: dict[int, list[bool]] = {}
    for ack in record.of("ack"):
        if ack.about in answered and ack.promised:
            week = int((ack.at - record.begins) // (7 * DAY)) + 1
            found.setdefault(week, []).append(answered[ack.about] <= ack.promised)
    return [
        f"  week {week}       {sum(kept)} of {len(kept)} ({sum(kept) / len(kept):.2f})"
        for week, kept in sorted(found.items())
    ]


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{many} {name}" for name, many in counter.most_common())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.replay", description="weeks of customer service at simulated time"
    )
    parser.add_argument("--weeks", type=int, default=4, choices=range(1, 27), metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="an empty folder: databases, log, week.html"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
