"""How often the newest text is right, how long it takes, and what other reply parsers reach.

    python -m tests.accuracy.newest [--alternatives]

"exact" compares after whitespace is folded. "token F1" is the harmonic mean of precision and recall
of a mail's words, as a bag, averaged over the mails. Sets that are not there are left out.
"""

import argparse
import gzip
import json
import pathlib
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailtriage.mail import read_message
from mailtriage.mail.htmltext import html_to_text
from mailtriage.mail.newest import newest_text
from tests.accuracy.hostile import MARKUP, TEXTS
from tests.accuracy.reply_parsers import Parser, html_readers, reply_parsers

SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
_MAX_CHARS = 65_536
_SIZES = (16, 32, 64)


@dataclass(frozen=True)
class Case:
    """A mail and the newest texts that are right for it."""

    group: str
    text: str
    """Plain text, or HTML; for whole mails what `read_message` made of them."""
    accepted: tuple[str, ...]
    is_html: bool = False
    newest: str | None = None
    """What the whole way through `read_message` gave, where there is one."""


@dataclass(frozen=True)
class Score:
    group: str
    mails: int
    exact: float
    token_f1: float


@dataclass(frozen=True)
class Timing:
    name: str
    milliseconds: tuple[float, ...]
    """Median of five runs for bodies of 16, 32 and 64 KB."""


@dataclass(frozen=True)
class Report:
    scores: tuple[Score, ...]
    microseconds: float
    """Median for a mail of these sets."""
    hostile: tuple[Timing, ...]
    """The slowest first."""


def fold(text: str) -> str:
    return " ".join(text.split())


def token_f1(found: str, expected: str) -> float:
    """F1 of two bags of words; 1.0 when both are empty."""
    first, second = Counter(found.split()), Counter(expected.split())
    both = first.total() + second.total()
    return 2 * (first & second).total() / both if both else 1.0


def _json_lines(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def cases(folder: pathlib.Path = SHARED) -> list[Case]:
    """Every mail of the sets that are there."""
    found: list[Case] = []
    fixtures = folder / "reply_crisp_alfonsrv_talon.jsonl.gz"
    if fixtures.exists():
        for row in _json_lines(fixtures):
            text = row["mail"].replace("\r\n", "\n")
            group = f"fixtures {row['src']}"
            found.append(Case(group, text, (row["gold"],), is_html=row["fmt"] == "html"))
    generated = folder / "reply_synth12.jsonl.gz"
    if generated.exists():
        for row in _json_lines(generated):
            accepted = (row["gold"], *row.get("alt", ()))
            found.append(Case(f"synth12 {row['kind']}", row["mail"], accepted))
    gold = folder / "gold" / "gold.jsonl"
    if gold.exists():
        for row in _json_lines(gold):
            if row["kind"] == "human":
                mail = read_message((gold.parent / row["file"]).read_bytes())
                newest = mail.newest_text
                found.append(Case("gold human", mail.text, (row["newest_text"],), newest=newest))
    noise = folder / "lid_mail_noise_840.json.gz"
    if noise.exists():
        with gzip.open(noise, "rt", encoding="utf-8") as lines:
            for kind, _, text, body in json.load(lines):
                found.append(Case(f"noise {kind}", text, (_noise_newest(kind, text, body),)))
    return found


def _noise_newest(kind: str, text: str, body: str) -> str:
    """The newest text of a mail of the noise set, which itself names the sentences only.

    N3 has a closing with a name typed below the sentences, which belongs to the newest text: all
    that stands above the attribution.
    """
    if kind != "N3":
        return body
    lines = text.split("\n")
    quote = next(number for number, line in enumerate(lines) if line.startswith(">"))
    above = "\n".join(lines[:quote]).rstrip()
    return above[: above.rindex("\n\n")]


def ours(case: Case) -> str:
    if case.newest is not None:
        return case.newest
    text = html_to_text(case.text, _MAX_CHARS) if case.is_html else case.text
    return newest_text(text)


def score(mails: Sequence[Case], parse: Callable[[Case], str]) -> tuple[Score, ...]:
    """A row for each group, and one for each family of groups that has several."""
    groups: dict[str, list[tuple[bool, float]]] = {}
    for case in mails:
        found = fold(parse(case))
        accepted = [fold(text) for text in case.accepted]
        result = (found in accepted, max(token_f1(found, text) for text in accepted))
        groups.setdefault(case.group, []).append(result)
        groups.setdefault(f"{case.group.partition(' ')[0]}, all", []).append(result)
    return tuple(
        Score(
            group,
            len(results),
            statistics.fmean(exact for exact, _ in results),
            statistics.fmean(f1 for _, f1 in results),
        )
        for group, results in sorted(groups.items())
    )


def _cost(work: Callable[[], object], runs: int) -> float:
    """Median CPU time of this thread, in seconds."""
    times = []
    for _ in range(runs):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return statistics.median(times)


def _hostile() -> Iterator[Timing]:
    for name, make in TEXTS.items():
        texts = [make(size * 1024) for size in _SIZES]
        yield Timing(
            f"text: {name}",
            tuple(1e3 * _cost(lambda text=text: newest_text(text, "Eva Ek"), 5) for text in texts),  # type: ignore[misc]
        )
    for name, make in MARKUP.items():
        texts = [make(size * 1024) for size in _SIZES]
        yield Timing(
            f"HTML: {name}",
            tuple(
                1e3 * _cost(lambda text=text: newest_text(html_to_text(text, _MAX_CHARS)), 5)  # type: ignore[misc]
                for text in texts
            ),
        )


def measure() -> Report:
    """Scores of the sets that are there, and times. Takes some ten seconds."""
    mails = cases()
    plain = [case.text for case in mails if not case.is_html]
    costs = [1e6 * _cost(lambda text=text: newest_text(text), 3) for text in plain]  # type: ignore[misc]
    hostile = sorted(_hostile(), key=lambda timing: timing.milliseconds[-1], reverse=True)
    return Report(score(mails, ours), statistics.median(costs) if costs else 0.0, tuple(hostile))


def _print_scores(name: str, scores: Sequence[Score]) -> None:
    print(f"{name:<34} mails  exact  token F1")
    for row in scores:
        print(f"  {row.group:<32} {row.mails:5}  {row.exact:5.3f}  {row.token_f1:8.3f}")


def _print_alternatives(mails: Sequence[Case]) -> None:
    for parser in reply_parsers():
        if parser.parse is None:
            print(f"{parser.name}: not installed: pip install -r tests/accuracy/alternatives.txt")
            continue
        plain = [case for case in mails if not case.is_html]
        run = _with(parser)
        totals = [row for row in score(plain, run) if row.group.endswith(", all")]
        _print_scores(parser.name, totals)
        sample = plain[:: max(1, len(plain) // 100)]
        costs = [1e6 * _cost(lambda case=case, run=run: run(case), 1) for case in sample]  # type: ignore[misc]
        print(f"  median µs a mail {statistics.median(costs):.0f}")
    print(
        "HTML to text, ms for 64 KB: an ordinary mail; nested <div>; unclosed <; a long attribute"
    )
    ordinary = "<div><p>Hello, where is my <b>order</b>?</p><br></div>" * 1200
    bodies = [
        ordinary,
        *(MARKUP[name](65_536) for name in ("nested div", "<", "one long attribute")),
    ]
    for reader in (
        Parser("mailtriage", lambda html: html_to_text(html, _MAX_CHARS)),
        *html_readers(),
    ):
        parse = reader.parse
        if parse is None:
            print(f"  {reader.name}: not installed")
            continue
        costs = [1e3 * _cost(lambda body=body, parse=parse: parse(body), 3) for body in bodies]  # type: ignore[misc]
        print(f"  {reader.name:<32} " + " ".join(f"{cost:9.2f}" for cost in costs))


def _with(parser: Parser) -> Callable[[Case], str]:
    """A case through another parser; what raises counts as wrong."""
    parse = parser.parse
    assert parse is not None

    def run(case: Case) -> str:
        try:
            return parse(case.text)
        except Exception:
            return ""

    return run


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alternatives", action="store_true", help="measure other parsers, too")
    options = parser.parse_args(arguments)
    report = measure()
    if report.scores:
        _print_scores("mailtriage", report.scores)
        print(f"median µs a mail: {report.microseconds:.0f}")
    else:
        print(f"not run: no shared data at {SHARED}")
    print("\nhostile bodies, ms CPU        16 KB   32 KB   64 KB  growth  (the slowest ten)")
    for timing in report.hostile[:10]:
        small, middle, large = timing.milliseconds
        growth = large / max(small, 1e-6)
        print(f"  {timing.name:<34} {small:6.2f}  {middle:6.2f}  {large:6.2f}  {growth:5.1f}")
    if options.alternatives:
        print()
        _print_alternatives(cases())


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
