"""The command: one run and its table, or one small run for each single fault."""

import argparse
import signal
import sys

from tests.chaos import faults
from tests.chaos.run import Options, run
from tests.support import opendkim, postfix


def main() -> int:
    """0 when everything held, 1 when something did not, 2 when it cannot run here."""
    arguments = _arguments()
    if reason := postfix.why_not() or opendkim.why_not():
        print(f"chaos: {reason}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything started is stopped
    if arguments.faults:
        return faults.main(arguments.only)
    account = run(
        Options(
            mails=arguments.mails,
            seed=arguments.seed,
            seconds=arguments.seconds,
            as_shipped=arguments.as_shipped,
        )
    )
    print(f"chaos: {arguments.mails} mails, seed {arguments.seed}")
    print(account.table())
    if account.failures:
        print(account.evidence)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="kill -9 at random")
    parser.add_argument("--mails", type=int, default=1500, help="how many (1500)")
    parser.add_argument("--seed", type=int, default=7, help="of what is random (7)")
    parser.add_argument(
        "--seconds", type=float, default=600, help="in which all must be done (600)"
    )
    parser.add_argument(
        "--as-shipped", action="store_true", help="with the product's own waits: takes minutes more"
    )
    parser.add_argument("--faults", action="store_true", help="single faults instead")
    parser.add_argument(
        "--only", action="append", choices=list(faults.FAULTS), help="this fault; may be repeated"
    )
    arguments = parser.parse_args()
    if not 10 <= arguments.mails <= 50_000:
        parser.error("--mails: 10 to 50000")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
