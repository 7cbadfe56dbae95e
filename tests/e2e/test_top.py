"""mailtriage top beside a whole site: real mails through real Postfix, on a real terminal."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from rich.cells import cell_len

from tests.support.postfix import free_port
from tests.support.serve import wait_for
from tests.support.site import Site, running_site, why_not
from tests.support.terminal import ALTERNATE, MAIN, Terminal

pytestmark = pytest.mark.e2e

PORT = free_port()
TOML = f'[metrics]\nlisten = "inet:127.0.0.1:{PORT}"\n'
MAILS = 3


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file, which run in their order."""
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=TOML) as running:
        yield running


@pytest.fixture(scope="module")
def queue_ids(site: Site) -> list[str]:
    """Postfix's names of the mails of some customers, who have been answered, and of a robot, who
    has not."""
    customers = [site.customer() for _ in range(MAILS)]
    found = [site.write(customer) for customer in customers]
    robot = site.customer()
    found.append(site.write(robot, robot.mail(header="Auto-Submitted: auto-replied\n")))
    for customer in customers:
        site.wait_for_ack(customer.address)
    return found


def command(site: Site, *options: str) -> list[str]:
    """The call of an administrator."""
    config = str(site.service.config)
    return [sys.executable, "-m", "mailtriage", "--config", config, "top", *options]


def once(site: Site, *options: str) -> str:
    """One page, as text."""
    done = subprocess.run(
        command(site, "--once", "--interval", "200ms", *options),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "COLUMNS": "132"},
    )
    assert done.stderr == ""
    return done.stdout


def counted(site: Site) -> dict[str, object]:
    """One page, as an object."""
    page: dict[str, object] = json.loads(once(site, "--json"))
    return page


def test_once_shows_what_happened_to_the_mails(site: Site, queue_ids: list[str]) -> None:
    wait_for(lambda: counted(site)["deliveries"] == [["sent", MAILS]], "what the workers counted")
    wait_for(lambda: "self-test passed" in once(site), "a self-test")
    wait_for(lambda: bool(counted(site)["outbox"]), "the outbox to be looked at")
    shown = once(site)
    assert shown.startswith("mailtriage ")
    for words in (
        ("ready", "self-test passed", "workers:", "analyser", "desk", "acks"),
        ("since start", f" {MAILS + 1} "),
        ("delivery", "en"),
        ("sent", "owed", "sqlite ledger", "p95"),
        ("skipped B1",),
        ("mail server: sent", str(MAILS)),
    ):
        assert any(all(word in line for word in words) for line in shown.splitlines()), words
    page = counted(site)
    assert page["announced"] == [["sent", "none", MAILS], ["skipped", "B1", 1]]
    assert page["ack_server"] is True
    assert {stage for stage, _ in page["stages"]} == {  # type: ignore[attr-defined] # JSON
        *("parse", "language", "policy", "state", "judge", "header", "answer")
    }


def test_the_last_decisions_are_told_with_their_reasons(site: Site, queue_ids: list[str]) -> None:
    wait_for(lambda: all(one in once(site) for one in queue_ids), "the history")
    lines = {one: line for line in once(site).splitlines() for one in queue_ids if one in line}
    assert "sent" in lines[queue_ids[0]]
    assert "delivery" in lines[queue_ids[0]]
    assert "skipped B1" in lines[queue_ids[-1]]


def open_at(site: Site, columns: int, lines: int) -> Terminal:
    """Live, on a terminal of that size."""
    return Terminal(command(site, "--interval", "500ms"), columns, lines)


def on_screen(terminal: Terminal, word: str) -> Callable[[], bool]:
    """Whether a word stands there now."""
    return lambda: any(word in line for line in terminal.screen())


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (132, 40), (40, 10), (20, 3)])
def test_a_live_page_fills_its_terminal_and_q_leaves_it(
    site: Site, queue_ids: list[str], columns: int, lines: int
) -> None:
    with open_at(site, columns, lines) as terminal:
        terminal.wait(on_screen(terminal, "q quit"), "the page")
        assert terminal.settings() != terminal.before, "keys come one by one"
        screen = terminal.screen()
        assert len(screen) == lines
        assert max(cell_len(line.rstrip()) for line in screen) <= columns
        assert screen[0].startswith("mailtriage")
        terminal.press(b"q")
        assert terminal.end() == 0
        assert terminal.is_as_before()
        assert terminal.errors == ""


def test_the_page_moves_on_with_the_mails(site: Site, queue_ids: list[str]) -> None:
    with open_at(site, 80, 24) as terminal:
        terminal.wait(on_screen(terminal, f" {MAILS + 1} "), "the mails before")
        site.write(site.customer())
        terminal.wait(on_screen(terminal, f" {MAILS + 2} "), "the next mail")
        # One screen for all pages: nothing of them is left above the prompt, and nothing flickers.
        assert (terminal.said.count(ALTERNATE), terminal.said.count(MAIN)) == (1, 0)
        assert b"\x1b[2J" not in terminal.said.partition(ALTERNATE)[2]
        terminal.press(b"q")
        assert terminal.end() == 0


def test_keys_pause_and_change_the_interval(site: Site) -> None:
    with open_at(site, 80, 24) as terminal:
        terminal.wait(on_screen(terminal, "every 500 ms"), "the page")
        terminal.press(b"+")
        terminal.wait(on_screen(terminal, "every 1 s"), "a longer interval")
        terminal.press(b"-")
        terminal.wait(on_screen(terminal, "every 500 ms"), "a shorter interval")
        terminal.press(b"p")
        terminal.wait(on_screen(terminal, "PAUSED"), "the pause")
        terminal.press(b"p\x1b[A\x00\xff")  # and keys that mean nothing
        terminal.wait(lambda: not on_screen(terminal, "PAUSED")(), "the end of the pause")
        terminal.press(b"Q")
        assert terminal.end() == 0
        assert terminal.is_as_before()


def test_a_window_that_grows_gets_a_larger_page(site: Site) -> None:
    with open_at(site, 80, 24) as terminal:
        terminal.wait(on_screen(terminal, "q quit"), "the page")
        terminal.press(b"p")  # so that nothing but the size can be the reason
        terminal.wait(on_screen(terminal, "PAUSED"), "the pause")
        terminal.resize(132, 40)
        terminal.wait(lambda: len(terminal.screen()) == 40, "forty lines")
        terminal.resize(30, 6)
        terminal.wait(lambda: len(terminal.screen()) == 6, "six lines")
        terminal.press(b"q")
        assert terminal.end() == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
    ],
)
def test_a_signal_leaves_the_terminal_as_it_was(
    site: Site, number: signal.Signals, code: int
) -> None:
    with open_at(site, 80, 24) as terminal:
        terminal.wait(on_screen(terminal, "q quit"), "the page")
        if number is signal.SIGINT:
            terminal.press(b"\x03")  # as a person does it
        else:
            terminal.signal(number)
        assert terminal.end() == code
        assert terminal.is_as_before()
        assert terminal.errors.strip() == ""


def test_ctrl_z_gives_the_terminal_back_until_it_is_continued(site: Site) -> None:
    with open_at(site, 80, 24) as terminal:
        terminal.wait(on_screen(terminal, "q quit"), "the page")
        terminal.press(b"\x1a")
        terminal.wait(terminal.is_as_before, "the terminal to be given back")
        terminal.wait(terminal.is_stopped, "the program to stop")
        terminal.signal(signal.SIGCONT)
        terminal.wait(lambda: terminal.said.count(ALTERNATE) == 2, "the page to be back")
        terminal.press(b"q")
        assert terminal.end() == 0
        assert terminal.is_as_before()


def test_a_service_that_hangs_is_told_and_keys_still_work(site: Site) -> None:
    with open_at(site, 132, 40) as terminal:
        terminal.wait(on_screen(terminal, "q quit"), "the page")
        site.service.signal(signal.SIGSTOP)
        try:
            terminal.press(b"+-")
            terminal.wait(on_screen(terminal, "does not answer"), "the fault")
            terminal.press(b"q")
            assert terminal.end() == 0
            assert terminal.is_as_before()
        finally:
            site.service.signal(signal.SIGCONT)


def test_a_service_that_restarts_is_shown_again_from_nothing(site: Site) -> None:
    with open_at(site, 132, 40) as terminal:
        terminal.wait(on_screen(terminal, f" {MAILS + 2} "), "the page")
        site.service.stop()
        terminal.wait(on_screen(terminal, "does not answer"), "the fault")
        site.service.start()
        terminal.wait(lambda: not on_screen(terminal, "does not answer")(), "the service")
        terminal.wait(lambda: not on_screen(terminal, f" {MAILS + 2} ")(), "other counts")
        terminal.press(b"q")
        assert terminal.end() == 0
