"""One run, from the first mail to the account."""

import random
import time
from dataclasses import dataclass

from tests.chaos.account import Account, draw_up
from tests.chaos.killer import Killer
from tests.chaos.letters import letters, post_all
from tests.chaos.place import drain, place


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is like."""

    mails: int = 1500
    seed: int = 7
    seconds: float = 600.0
    """In which everything has to be done, but for starting and stopping."""
    pause: float = 0.0
    """Seconds between two mails of one client."""
    as_shipped: bool = False


def run(options: Options) -> Account:
    """Start a site, send, kill, wait until all is quiet, count."""
    rng = random.Random(options.seed)
    what = letters(options.mails, rng)
    with place(as_shipped=options.as_shipped) as site:
        began = time.monotonic()
        ends = began + options.seconds
        # The last quarter of the time is for what is under way by then.
        with Killer(site.service, rng) as killer:
            postings = post_all(site, what, began + options.seconds * 0.75, pause=options.pause)
        rest = drain(site, ends)
        return draw_up(site, postings, killer.kills, rest, time.monotonic() - began)
