"""What grows with the number of policies, and with the number of customers that are known.

    python -m tests.bench.growth [--short]

In one process, without Postfix. The same mails are looked at with 10, 100 and 1,000 policies that
are made of the words of the shipped ones, put together anew, so that they look alike and rarely hit:
by the matcher alone, and in a whole analysis. The same mails again with 1,000 to 1,000,000 customers
in files, and in a Redis of its own where redis-server is there. CPU time, medians of rounds that take
turns; "x" is the ratio to the smallest, which should not be more than 1.3. It never fails on a figure.
"""

import argparse
import itertools
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import redis

from mailtriage.doors.analysis import Analyst
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.matcher import Matcher, mail_text
from mailtriage.policies.model import Near, Policies, Policy, Signal
from mailtriage.service.load import read_everything
from mailtriage.state.redis_customers import RedisCustomers
from mailtriage.tags.apply import header_names
from mailtriage.triage.customer import FixedCustomers, lookup_keys
from mailtriage.triage.model import Tier
from tests.bench import corpus

FLAT: Final = 1.3

POLICIES: Final = (10, 100, 1_000)
CUSTOMERS: Final = (1_000, 10_000, 100_000, 1_000_000)
SHORT_CUSTOMERS: Final = (1_000, 100_000)

MAILS: Final = 40
SIGNALS: Final = 4
"""Of words, in a made policy; and one of words that stand near others, and a guarded pattern."""
PHRASES: Final = 6
"""Of a signal."""
LOOK_UPS: Final = 2_000

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One way to do the work, at one size."""

    what: str
    size: int
    microseconds: float
    """A mail, or a look-up: median of the rounds."""
    ratio: float
    """Divided by the smallest size: median of the ratios of each round."""
    note: str = ""


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="few rounds: shows that it runs")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.short else 15)
    print(table(rows(rounds, SHORT_CUSTOMERS if arguments.short else CUSTOMERS)))


def table(found: Sequence[Row]) -> str:
    """For a terminal."""
    lines = [f"{'':34}{'size':>10}{'µs':>10}{'x':>7}"]
    for row in found:
        over = "" if row.ratio <= FLAT else f"  more than {FLAT}"
        lines.append(
            f"{row.what:34}{row.size:10,}{row.microseconds:10.1f}{row.ratio:7.2f}{over}"
            f"{'  ' if row.note else ''}{row.note}"
        )
    return "\n".join(lines)


def rows(rounds: int, customers: Sequence[int] = CUSTOMERS) -> list[Row]:
    """Everything, measured."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "mailtriage.toml"
        file.write_text('[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n')
        everything = read_everything([file])
        analyst, shipped = everything.analyst(), everything.policies
    found = _by_policies(analyst, shipped, rounds)
    found += _by_customers(analyst, customers, rounds)
    with _redis() as url:
        if url:
            found += _by_redis(url, customers, rounds)
    return found


# ------------------------------------------------------------------ policies


def made_policies(count: int, shipped: Policies, *, language: str = "en") -> Policies:
    """So many skills, always the same, and the shipped facets."""
    rng = random.Random(count)
    words = sorted(vocabulary(shipped, language))
    skills = tuple(_made_policy(number, words, rng, language) for number in range(count))
    return Policies(skills, shipped.facets)


def vocabulary(shipped: Policies, language: str) -> set[str]:
    """The words of four letters and more in the shipped phrases of a language."""
    return {
        word.strip("*")
        for policy in shipped.all()
        for signal in policy.signals
        for phrase in signal.words.get(language, ())
        for word in phrase.split()
        if len(word.strip("*")) > 3 and "*" not in word.strip("*")
    }


def _made_policy(number: int, words: Sequence[str], rng: random.Random, language: str) -> Policy:
    def phrases() -> tuple[str, ...]:
        return tuple(
            f"{rng.choice(words)} {rng.choice(words)}{rng.choice(('', '', '*'))}"
            for _ in range(PHRASES)
        )

    signals = [
        Signal(f"made-{number}-{one}", 1.0, words={language: phrases()}) for one in range(SIGNALS)
    ]
    signals.append(Signal(f"near-{number}", 1.0, near={language: Near(phrases(), phrases())}))
    guard = (f"{rng.choice(words)} {rng.choice(words)}",)
    signals.append(Signal(f"pattern-{number}", 1.0, regex=rf"\b{number}-\d+", guard=guard))
    return Policy(f"made-{number}.toml", 1, f"made-{number}", is_skill=True, signals=tuple(signals))


def _by_policies(analyst: Analyst, shipped: Policies, rounds: int) -> list[Row]:
    letters = corpus.small(MAILS)
    scans: dict[int, Work] = {}
    analyses: dict[int, Work] = {}
    notes: dict[int, str] = {}
    mails = [read_message(letter.data, envelope=Envelope(letter.sender, ())) for letter in letters]
    texts = [(mail, mail_text(mail)) for mail in mails]
    for count in POLICIES:
        matcher = Matcher(made_policies(count, shipped))
        scans[count] = partial(_scan, matcher, texts)
        analyses[count] = partial(_analyse, replace(analyst, matcher=matcher), letters)
        hits = sum(len(matcher.scan(mail, text, "en")) for mail, text in texts)
        notes[count] = f"{matcher.phrases:,} phrases, {hits / MAILS:.1f} signals a mail"
    return [
        *_measured("matcher, by policies", scans, MAILS, rounds, notes),
        *_measured("analysis, by policies", analyses, MAILS, rounds),
    ]


def _scan(matcher: Matcher, texts: Sequence[tuple[object, object]]) -> None:
    for mail, text in texts:
        matcher.scan(mail, text, "en")  # type: ignore[arg-type] # as mail_text gives them


def _analyse(analyst: Analyst, letters: Sequence[corpus.Letter]) -> None:
    for letter in letters:
        envelope = Envelope(letter.sender, ("help@desk.example",))
        read = partial(read_message, letter.data, envelope=envelope, client=Client("203.0.113.7"))
        analyst.analyse(read, header_names(letter.data))


# ----------------------------------------------------------------- customers


def known(count: int) -> dict[str, Tier]:
    """So many customers, every other one a whole domain."""
    tiers = itertools.cycle((Tier.VIP, Tier.GOLD, Tier.STANDARD))
    return {
        f"{'' if number % 2 else f'kim{number}@'}customer{number}.example": tier
        for number, tier in zip(range(count), tiers, strict=False)
    }


def questions(count: int) -> list[tuple[str, ...]]:
    """What is asked: half of it known, and half not."""
    rng = random.Random(7)
    addresses = [
        f"kim{number}@{rng.choice(('customer', 'stranger'))}{number}.example"
        for number in (rng.randrange(count) for _ in range(LOOK_UPS))
    ]
    return [lookup_keys(address) for address in addresses]


def _by_customers(analyst: Analyst, sizes: Sequence[int], rounds: int) -> list[Row]:
    letters = corpus.small(MAILS)
    lists = {count: FixedCustomers(known(count)) for count in sizes}
    look_ups = {count: partial(_ask, lists[count], questions(count)) for count in sizes}
    analyses = {
        count: partial(_analyse, replace(analyst, customers=lists[count]), letters)
        for count in sizes
    }
    return [
        *_measured("look-up, customers in files", look_ups, LOOK_UPS, rounds),
        *_measured("analysis, customers in files", analyses, MAILS, rounds),
    ]


def _ask(customers: FixedCustomers | RedisCustomers, asked: Sequence[tuple[str, ...]]) -> None:
    for keys in asked:
        customers.tier(keys)


def _by_redis(url: str, sizes: Sequence[int], rounds: int) -> list[Row]:
    client = redis.Redis.from_url(url)
    look_ups: dict[int, Work] = {}
    for count in sizes:
        key = f"customers:{count}"
        entries = iter(known(count).items())
        while part := dict(itertools.islice(entries, 10_000)):
            client.hset(key, mapping={who: tier.value for who, tier in part.items()})
        customers = RedisCustomers(url, key, 10.0, FixedCustomers({}))
        look_ups[count] = partial(_ask, customers, questions(count)[: LOOK_UPS // 4])
    client.close()
    return _measured("look-up, customers in Redis", look_ups, LOOK_UPS // 4, rounds)


@contextmanager
def _redis() -> Iterator[str]:
    """URL of a Redis of our own on a unix socket; empty where there is no redis-server."""
    program = shutil.which("redis-server")
    if program is None:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="mt-") as name:
        path = Path(name) / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", name]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not path.exists() and server.poll() is None:
                time.sleep(0.02)
            yield f"unix://{path}" if path.exists() else ""
        finally:
            server.terminate()
            server.wait()


# ------------------------------------------------------------------ measuring


def _measured(
    what: str,
    work: Mapping[int, Work],
    items: int,
    rounds: int,
    notes: Mapping[int, str] | None = None,
) -> list[Row]:
    """All sizes in turns; each round is compared with itself, so that a busy machine says little."""
    for one in work.values():
        one()
    seconds = [{size: _seconds(one) for size, one in work.items()} for _ in range(rounds)]
    smallest = min(work)
    return [
        Row(
            what,
            size,
            statistics.median(one[size] for one in seconds) / items * 1e6,
            statistics.median(one[size] / one[smallest] for one in seconds),
            (notes or {}).get(size, ""),
        )
        for size in work
    ]


def _seconds(work: Work) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
