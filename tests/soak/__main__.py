"""The command: one run and its table."""

import argparse
import signal
import sys
from typing import Final

from tests.chaos.killer import ROLES
from tests.soak.run import Options, run
from tests.support import site

CALM_SHARE: Final = 0.2
CALM_LEAST: Final = 1.5


def main() -> int:
    """0 when everything held, 1 when something did not, 2 when it cannot run here."""
    arguments = _arguments()
    if reason := site.why_not():
        print(f"soak: {reason}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started is stopped
    calm = arguments.calm
    if calm is None:
        calm = max(CALM_LEAST, arguments.minutes * CALM_SHARE)
    account = run(Options(arguments.minutes, calm, arguments.rate, tuple(arguments.kill)))
    print(account.table())
    for failure in account.failures:
        print(f"WRONG: {failure}")
    print("soak: " + ("something did not hold" if account.failures else "everything held"))
    return 1 if account.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="steady mail, kill -9 and SIGHUP: what grows?"
    )
    parser.add_argument("--minutes", type=float, default=30, help="of kills and reloads (30)")
    parser.add_argument(
        "--calm", type=float, help="minutes without, afterwards (a fifth; at least 1.5)"
    )
    parser.add_argument("--rate", type=float, default=100, help="mails a second, if possible (100)")
    parser.add_argument(
        "--kill",
        type=lambda text: text.split(","),
        default=["milter", "analyser"],
        help=f"whom, in turns, of {','.join(ROLES)} (milter,analyser)",
    )
    arguments = parser.parse_args()
    if unknown := {*arguments.kill} - {*ROLES}:
        parser.error(f"--kill: unknown: {', '.join(unknown)}")
    if not 2 <= arguments.minutes <= 10_000 or not 1 <= arguments.rate <= 10_000:
        parser.error("--minutes: 2 to 10000; --rate: 1 to 10000")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
