"""The command: sets everything up, runs the rounds, prints the report."""

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.bench import (
    corpus,
    cpu,
    load,
    measure,
    postfix,
    protocol,
    report,
    rspamd,
    sanity,
    variants,
)
from tests.bench.corpus import Letter

SIZES: Final = {"64KB": 64 * 1024, "2MB": 2 * 1024 * 1024}

BESIDE: Final = ("scale", "growth", "state")
"""Further tables, printed before those of Postfix; each takes --short."""


def main() -> int:
    """0 when all was measured, 1 when something does not work, 2 when it cannot run here at all."""
    options = _options()
    if os.geteuid() != 0:
        print("bench: Postfix and rspamd must be started by root: sudo make bench", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started is stopped
    try:
        chosen = rspamd.rules(options.phrases)
        with ExitStack() as stack:
            results = _run(options, _set_up(stack, options.only, chosen))
    except (variants.StartError, load.LoadError, FileNotFoundError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    beside = _beside(short=options.short)
    _print(results, options, chosen)
    return beside


def _beside(*, short: bool) -> int:
    """The measurements that need no Postfix, each a command of its own; 0 when all went well."""
    worst = 0
    for name in BESIDE:
        _say(f"python -m tests.bench.{name}")
        command = [sys.executable, "-m", f"tests.bench.{name}", *(["--short"] if short else [])]
        worst = max(worst, subprocess.run(command, check=False).returncode)
        print(flush=True)
    return min(worst, 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="mailtriage beside rspamd and a no-op milter"
    )
    parser.add_argument(
        "--short", action="store_true", help="few mails, two rounds: only shows that it runs"
    )
    parser.add_argument("--rounds", type=int, help="how often everything is measured (7; short: 2)")
    parser.add_argument("--mails", type=int, help="mails in a set (200; short: 60)")
    parser.add_argument("--sets", type=_words, default=["mix", "small"], help="of mix,small")
    parser.add_argument("--conc", type=_numbers, help="clients at once (1,8,32; short: 1,8)")
    parser.add_argument(
        "--only", type=_words, default=list(variants.NAMES), help=f"of {','.join(variants.NAMES)}"
    )
    parser.add_argument(
        "--phrases",
        type=int,
        help="of each signal and language that rspamd is given (all; short: 2)",
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="begin no round that would end later (10)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write every cell measured to FILE"
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.short else 7)
    options.mails = options.mails or (60 if options.short else 200)
    options.phrases = options.phrases or (2 if options.short else None)
    options.conc = options.conc or ([1, 8] if options.short else [1, 8, 32])
    if not 0 < options.mails <= 10_000:
        parser.error("--mails: 1 to 10000")
    if unknown := {*options.sets} - {"mix", "small"} or {*options.only} - {*variants.NAMES}:
        parser.error(f"unknown: {', '.join(unknown)}")
    return options


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _set_up(stack: ExitStack, only: list[str], rules: list[rspamd.Rule]) -> measure.Bench:
    """Starts all programs; the stack stops them and removes their files."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="mailtriage-bench-", dir=parent))
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)  # other users' daemons must get through
    milters, sockets = {}, {}
    for name in only:
        if name != variants.BASELINE:
            _say(f"starting {name}")
            milters[name], sockets[name] = variants.start(name, directory, rules)
            stack.callback(milters[name].stop)
            sanity.check(name, sockets[name])
    _say("starting Postfix")
    mta = postfix.start(directory, {name: sockets.get(name) for name in only})
    stack.callback(mta.daemon.stop)
    return measure.Bench(mta, milters, sockets)


def _run(options: argparse.Namespace, bench: measure.Bench) -> report.Results:
    sets = {name: getattr(corpus, name)(options.mails) for name in options.sets}
    sizes = {name: corpus.sized(size, options.mails // 5) for name, size in SIZES.items()}
    _warm_up(
        bench, [letter for letters in (*sets.values(), *sizes.values()) for letter in letters[:30]]
    )
    cells: list[measure.Cell] = []
    memory: dict[str, list[float]] = defaultdict(list)
    started = time.monotonic()
    for number in range(options.rounds):
        _say(f"round {number + 1} of {options.rounds}")
        begun = time.monotonic()
        for way in measure.WAYS:
            for name, letters in sets.items():
                for clients in options.conc:
                    cells += _turn(bench, way, name, letters, clients, number)
        for name, letters in sizes.items():
            cells += _turn(bench, measure.SOCKET, name, letters, 1, number)
        for name, daemon in bench.milters.items():
            memory[name].append(cpu.tree_pss(daemon.process.pid))
        now = time.monotonic()
        if (now - started) + (now - begun) > options.minutes * 60:
            _say(f"{options.minutes:g} minutes are up")
            break
    return report.Results(cells, memory)


def _warm_up(bench: measure.Bench, letters: list[Letter]) -> None:
    """Caches, matchers and Postfix's processes have seen work before anything counts."""
    for port in bench.postfix.ports.values():
        load.run(8, len(letters), load.smtp_job(port, letters))
        bench.postfix.wait_until_empty()
    for path in bench.sockets.values():
        load.run(8, len(letters), protocol.milter_job(path, letters))


def _turn(
    bench: measure.Bench, way: str, name: str, letters: list[Letter], clients: int, number: int
) -> list[measure.Cell]:
    """Every variant once, in an order that changes from turn to turn."""
    order = list(bench.postfix.ports if way == measure.POSTFIX else bench.sockets)
    random.Random(f"{way} {name} {clients} {number}").shuffle(order)
    return [bench.cell(way, name, letters, clients, variant, number) for variant in order]


def _print(results: report.Results, options: argparse.Namespace, rules: list[rspamd.Rule]) -> None:
    found = report.targets(results)
    facts = _facts(results, options, rules)
    print("\n".join(f"{key}: {value}" for key, value in facts.items()))
    print(report.table(results))
    print()
    print(report.target_lines(found))
    line = {
        **{target.key: target.value and round(target.value, 3) for target in found},
        "missed": [target.key for target in found if target.verdict == "missed"],
        "ratios": report.ratios(results),
        "facts": facts,
    }
    print()
    print(json.dumps(line))
    if options.json:
        options.json.write_text(
            json.dumps({**line, "cells": [asdict(cell) for cell in results.cells]})
        )


def _facts(
    results: report.Results, options: argparse.Namespace, rules: list[rspamd.Rule]
) -> dict[str, str]:
    """On what, and of what, the figures are."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    foreign = report.percentile([cell.foreign for cell in results.cells], 0.5)
    pss = {name: results.pss(name) for name in options.only if results.pss(name)}
    return {
        "machine": f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}",
        "versions": f"Postfix {_version('postconf', '-h', 'mail_version')}, {_version('rspamd', '--version')}, pymilter {metadata.version('pymilter')}",
        "rounds": f"{1 + max(cell.round for cell in results.cells)}, {options.mails} mails in a set, real mails {'in' if corpus.real_mails_present() else 'not present'}",
        "rspamd's rules": f"{sum(len(rule.phrases) for rule in rules)} phrases in {2 * len(rules)} patterns, half on the subject",
        "foreign load": f"{foreign:.2f} cores in the median cell (trust latencies below 0.1, CPU below 0.8)",
        "degraded": f"{sum(cell.degraded for cell in results.cells)} mails passed without being analysed",
        "memory (PSS, MB)": ", ".join(f"{name} {size:.0f}" for name, size in pss.items()),
    }


def _version(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "(absent)"
    return done.stdout.split("\n")[0].strip()


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
