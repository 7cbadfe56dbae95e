"""Whatever happens to mailtriage: every mail arrives once, soon, and without forged tags."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.mails import FORGED, LETTERS, TAG_NAMES, assert_tagged, ours, with_header
from tests.support.mta import Mta
from tests.support.serve import Service, alive, wait_for
from tests.support.smtp import stuffed

pytestmark = pytest.mark.e2e

CLIENTS = 6
KILLS = 6


def wait_for_more(mails: list[str], number: int) -> None:
    reached = len(mails)
    wait_for(lambda: len(mails) >= reached + number, "more mail")


def kill_one_of_two(service: Service, which: int) -> None:
    wait_for(lambda: len(service.workers()) == 2, "two workers")
    victim = service.workers()[which]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not alive(victim), "its end")


def test_workers_killed_under_load_lose_no_mail(mta: Mta, service: Service) -> None:
    """One worker after the other is killed with -9 in the midst of what it does.

    Postfix then takes the mail of the sessions concerned as it stands (default_action=accept).
    Edits are separate packets on the milter's socket, so that a kill between two of them leaves
    the ones before it: of each kill at most one mail, and only real tags.
    """
    raw = with_header(LETTERS[0].raw, FORGED)
    sent: list[str] = []
    over = threading.Event()

    def client(_: int) -> None:
        while not over.is_set():
            recipient = mta.recipient()
            with mta.connect("shipped") as session:
                assert session.mail(raw, recipient).code == 250
            sent.append(recipient)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, i) for i in range(CLIENTS)]
        try:
            for number in range(KILLS):
                wait_for_more(sent, 20)
                kill_one_of_two(service, number % 2)
        finally:
            over.set()
        for finished in clients:
            finished.result()

    mta.postfix.wait_until_empty()
    partly, untagged = 0, 0
    for recipient in sent:
        header = mta.sink.one(recipient).header
        tags = ours(header)
        assert [name for name, _ in tags] == list(TAG_NAMES[: len(tags)])
        if len(tags) == len(TAG_NAMES):
            assert_tagged(header)
        elif tags:
            partly += 1
        else:
            untagged += 1
    assert partly <= KILLS
    assert partly + untagged <= KILLS * CLIENTS, "only sessions of a killed worker go untagged"
    wait_for(lambda: len(service.workers()) == 2, "both workers again")


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    """All workers stopped with SIGSTOP: connections are taken by the kernel and never answered."""
    stopped = service.workers()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def assert_tagging_goes_on(mta: Mta) -> None:
    def tagged() -> bool:
        recipient = mta.recipient()
        with mta.connect("impatient") as client:
            assert client.mail(LETTERS[0].raw, recipient).code == 250
        return bool(ours(mta.sink.one(recipient).header))

    wait_for(tagged, "tags")


def test_a_milter_that_takes_no_session_delays_a_mail_no_longer_than_postfix_allows(
    mta: Mta, service: Service
) -> None:
    """connect_timeout and command_timeout of the milter in main.cf; 2 seconds here."""
    recipient = mta.recipient()
    with frozen(service), mta.connect("impatient") as client:
        assert client.mail(with_header(LETTERS[0].raw, FORGED), recipient).code == 250
    assert ours(mta.sink.one(recipient).header) == []
    assert_tagging_goes_on(mta)


def test_a_milter_that_hangs_in_a_mail_delays_it_no_longer_than_postfix_allows(
    mta: Mta, service: Service
) -> None:
    """content_timeout of the milter in main.cf; 2 seconds here."""
    recipient = mta.recipient()
    with mta.connect("impatient") as client:
        client.envelope([recipient])
        client.command("DATA", 3)
        with frozen(service):
            client.send(stuffed(with_header(LETTERS[0].raw, FORGED)))
            client.expect(2)
    assert ours(mta.sink.one(recipient).header) == []
    assert_tagging_goes_on(mta)


def test_without_a_milter_mail_flows_and_header_checks_strip_forged_tags(mta: Mta) -> None:
    recipient = mta.recipient()
    other = b"X-Mailtriaged: keep\nX-Priority: 1\n"
    with mta.connect("down") as client:
        assert client.mail(with_header(LETTERS[0].raw, FORGED + other), recipient).code == 250
    delivery = mta.sink.one(recipient)
    assert [name for name, _ in ours(delivery.header)] == ["X-Mailtriaged"]
    assert delivery.content.endswith(LETTERS[0].raw.replace(b"\n", b"\r\n"))
