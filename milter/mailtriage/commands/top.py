"""mailtriage top: a live page of what the running service does."""

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console, Group

from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.commands.top_decisions import MOST, read_decisions
from mailtriage.commands.top_page import Facts, Page, make_page
from mailtriage.commands.top_scrape import Scrape, ScrapeError, scrape
from mailtriage.commands.top_screen import Screen, can_open
from mailtriage.commands.top_spans import remember
from mailtriage.commands.top_view import UNBOUNDED, lines
from mailtriage.config import Config, ConfigError, load
from mailtriage.config.endpoints import SocketAddress

STEPS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two looks, which + and - go through."""


def run_top(files: Sequence[Path] | None, *, once: bool, interval: float, as_json: bool) -> int:
    """Show the page again and again, until told to stop; or once. Without the running service: say
    what is missing, and 1."""
    try:
        config = load(files).config
    except ConfigError as error:
        to_terminal(str(error))
        return 1
    address = config.metrics.listen
    if address is None:
        to_terminal('mailtriage: metrics.listen is "", so that nobody can ask the service;')
        to_terminal("  name an address there, then: systemctl restart mailtriage")
        return 1
    if not (once or as_json or can_open()):
        to_terminal("mailtriage: this is no terminal to draw upon: call it with --once or --json")
        return 2
    watch = _Watch(config, address, interval)
    try:
        watch.look()
    except ScrapeError as error:
        to_terminal(f"mailtriage: {harmless(str(error))}")
        if error.hint:
            to_terminal(f"  try: {error.hint}")
        return 1
    if as_json or once:
        _print(watch, once=once, as_json=as_json)
    else:
        return _Live(watch, interval).run()
    return 0


class _Watch:
    """What has been seen of the service so far."""

    def __init__(self, config: Config, address: SocketAddress, interval: float) -> None:
        self._config: Final = config
        self._address: Final = address
        self._past: tuple[Scrape, ...] = ()
        self._fault = ""
        self.interval = interval
        shared = {"ledger", "desk", "sharing"} if config.state.url.startswith("redis") else set()
        self._redis: Final = frozenset(
            shared | ({"customers"} if config.customers.redis else set())
        )

    def look(self) -> None:
        """Ask the service. Raises ScrapeError."""
        self._past = remember(self._past, scrape(self._address))
        self._fault = ""

    def look_again(self) -> None:
        """The same, where a service that does not answer is something to show."""
        try:
            self.look()
        except ScrapeError as error:
            self._fault = str(error)

    def page(self, decisions: int = MOST) -> Page:
        """What to show of it, with so many decisions. Not before the first `look`."""
        facts = Facts(
            where=str(self._address),
            interval=self.interval,
            redis=self._redis,
            fault=self._fault,
            now=time.time(),
        )
        return make_page(self._past, read_decisions(self._config, decisions), facts)


def _print(watch: _Watch, *, once: bool, as_json: bool) -> None:
    """Pages one after the other, as text or JSON. The first is made of two looks."""
    console = Console(highlight=False)
    while True:
        time.sleep(watch.interval)
        watch.look_again()
        page = watch.page(UNBOUNDED)
        if as_json:
            click.echo(json.dumps(asdict(page), ensure_ascii=False))
        else:
            shown = lines(page, console.width, None, ascii_only=console.options.ascii_only)
            console.print(Group(*shown), soft_wrap=True)
        if once:
            return


class _Live:
    """The page on the screen. A thread asks the service, so that keys work while it hangs."""

    def __init__(self, watch: _Watch, interval: float) -> None:
        self._watch: Final = watch
        self._interval = interval
        self._screen: Final = Screen()
        self._page = watch.page()
        self._shown = self._page
        self._paused = False
        self._hurry: Final = threading.Event()
        self._broken: BaseException | None = None

    def run(self) -> int:
        """Until q, or a signal. Returns the exit code: for a signal its number and 128, as a shell
        says it."""
        threading.Thread(target=self._keep_looking, name="looking", daemon=True).start()
        while True:
            with self._screen.opened():
                self._draw_until_left()
            if self._broken is not None:
                raise self._broken
            if self._screen.ended == signal.SIGINT:
                raise KeyboardInterrupt
            if self._screen.ended:
                return 128 + self._screen.ended
            if not self._screen.stopped:
                return 0
            # Ctrl-Z: the shell has the terminal, until it says SIGCONT.
            self._screen.stopped = False
            os.kill(os.getpid(), signal.SIGSTOP)

    def _keep_looking(self) -> None:
        while self._broken is None:
            self._hurry.wait(self._interval)
            self._hurry.clear()
            self._watch.interval = self._interval
            try:
                self._watch.look_again()
                self._page = self._watch.page()
            except Exception as fault:  # noqa: BLE001  told by the thread that has the terminal
                self._broken = fault
            self._screen.wake()

    def _draw_until_left(self) -> None:
        while self._broken is None:
            if not self._paused:
                self._shown = self._page
            width, height = self._screen.size
            ascii_only = self._screen.ascii_only
            shown = lines(self._shown, width, height, paused=self._paused, ascii_only=ascii_only)
            self._screen.draw(shown)
            keys = self._screen.wait(60.0)
            if self._screen.stopped or self._screen.ended:
                return
            for key in keys:
                if key in "qQ":
                    return
                self._press(key)

    def _press(self, key: str) -> None:
        if key in "pP ":
            self._paused = not self._paused
        elif key in "+=":
            self._set_interval(min((one for one in STEPS if one > self._interval), default=0.0))
        elif key in "-_":
            self._set_interval(max((one for one in STEPS if one < self._interval), default=0.0))

    def _set_interval(self, seconds: float) -> None:
        if seconds:
            self._interval = seconds
            self._hurry.set()
