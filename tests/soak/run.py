"""One run, from the first mail to the account."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.chaos.place import drain
from tests.soak.account import Account, Stretch, draw_up
from tests.soak.judge import trends
from tests.soak.pace import Clients, Pace, Sent
from tests.soak.samples import SUPERVISOR, Sample, Sampler, sample
from tests.soak.scrape import scrape
from tests.soak.storm import RELOAD_EVERY, Storm
from tests.soak.world import World
from tests.support.postfix import free_port
from tests.support.site import Site, running_site

WARM_UP: Final = 0.15
"""Share of a stretch in which caches fill and the rate is found."""

WARM_UP_LEAST: Final = 15.0
"""Seconds of it, at least."""

WARM_UP_RELOADS: Final = 4.5
"""Reloads of it, at least: at a reload the supervisor holds two configurations for a moment, and keeps
the room for them. By itself it has grown from 104 to 128, 134, 138, 139 and 139 MB (measured)."""

_WINDOW: Final = 10.0

# All mails come from one test within minutes: no rule about rates may forbid an acknowledgement.
_TOML: Final = """
[metrics]
listen = "inet:127.0.0.1:{metrics}"
[ack.limits]
cool_down = "0s"
per_network = 1000000
per_domain = 1000000
per_hour = 10000000
burst = 1000000
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is like."""

    minutes: float = 30.0
    """Of kills and reloads."""
    calm: float = 6.0
    """Minutes without, afterwards."""
    rate: float = 100.0
    """Mails a second, if the machine can."""
    roles: tuple[str, ...] = ("milter", "analyser")
    """Whom to kill, in turns."""
    patience: float = 600.0
    """Seconds in which all must be delivered and acknowledged afterwards."""


def run(options: Options) -> Account:
    """Start a site, send, kill and reload, send in peace, wait until all is quiet, count.

    What the logs say of mails to blame goes to standard error.
    """
    world, metrics = World(), free_port()
    with _place(world, metrics) as site:
        wanted = _census(site)
        pace = Pace(options.rate)
        with (
            Sampler(site.service.pid) as sampler,
            Clients(site.postfix.ports["mx"], pace, lambda: _waiting(site)) as clients,
        ):
            began = time.monotonic()
            with Storm(site.service, options.roles) as storm:
                _pass("kills and reloads", options.minutes, pace, clients)
            calmed = time.monotonic()
            # The last reload is over when all that it began is.
            _pass("without them", options.calm, pace, clients)
            ended = time.monotonic()
        rest = drain(site, time.monotonic() + options.patience)
        told = scrape(metrics)
        stretches = (
            _stretch("kills and reloads", began, calmed, sampler.samples, clients.sent, wanted),
            _stretch("without them", calmed, ended, sampler.samples, clients.sent, wanted),
        )
        account = draw_up(
            site, world, clients.sent, storm, rest, told, wish=options.rate, stretches=stretches
        )
        if account.failures:
            print(account.evidence(), file=sys.stderr, flush=True)
        return account


@contextmanager
def _place(world: World, metrics: int) -> Iterator[Site]:
    with running_site(toml=_TOML.format(metrics=metrics), world=world, serve=False) as site:
        file = site.service.config
        # A worker that is replaced after so many mails hides what grows in it.
        text = file.read_text().replace("workers = 2\n", "workers = 2\nrecycle_messages = 0\n", 1)
        file.write_text(text)
        with site.service:
            yield site


def _census(site: Site) -> dict[str, int]:
    """How many processes there are of each role, when all have started."""
    return dict(
        Counter(one.role for one in sample(site.service.pid).processes if one.role != SUPERVISOR)
    )


def _waiting(site: Site) -> int:
    return site.postfix.queued() + site.owed()


def _pass(what: str, minutes: float, pace: Pace, clients: Clients) -> None:
    """Let time pass, with a word about it now and then."""
    ends = time.monotonic() + minutes * 60
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(30.0, left))
        print(
            f"soak: {what}: {len(clients.sent)} mails so far, {pace.rate:.0f} a second now",
            file=sys.stderr,
            flush=True,
        )


def _stretch(
    name: str,
    begin: float,
    end: float,
    samples: Sequence[Sample],
    sent: Sequence[Sent],
    wanted: dict[str, int],
) -> Stretch:
    calm = name == "without them"
    seconds = end - begin
    moments = [one.at for one in sent if begin <= one.at < end and one.code // 100 == 2]
    windows = Counter(int((at - begin) / _WINDOW) for at in moments)
    least = WARM_UP_LEAST if calm else WARM_UP_RELOADS * RELOAD_EVERY
    warm = min(max(least, seconds * WARM_UP), seconds / 2)
    full = range(int(warm / _WINDOW), int(seconds / _WINDOW))
    within = [one for one in samples if begin <= one.at < end]
    return Stretch(
        name,
        seconds,
        len(moments),
        min((windows[number] for number in full), default=0) / _WINDOW,
        tuple(trends(within, wanted, each=calm, since=begin + warm)),
    )
