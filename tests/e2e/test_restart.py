"""Reload and restart under load: nobody who sends a mail notices."""

import itertools
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.mails import LETTERS, assert_tagged
from tests.support.mta import Mta
from tests.support.serve import Service

pytestmark = pytest.mark.e2e

CLIENTS = 8
SESSIONS = 1000
ROUNDS = 3


@pytest.fixture
def restartable(mta: Mta) -> Iterator[Service]:
    """mailtriage on a socket that the test holds open, as systemd does for a .socket unit."""
    directory = mta.directory / "restartable"
    directory.mkdir()
    path = mta.directory / "restart.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        shutil.chown(path, group="postfix")
        path.chmod(0o660)
        listener.listen(128)
        with Service(
            directory, '[milter]\nlisten = "fd:3"\nworkers = 2\n', listen=listener
        ) as running:
            yield running


def test_no_session_fails_and_no_mail_goes_untagged(mta: Mta, restartable: Service) -> None:
    """Half of the clients see a failing milter as 451, the other half as a mail without tags."""
    sent: list[tuple[int, str]] = []
    over = threading.Event()

    def client(number: int) -> None:
        service_name = ("restarted", "restarted_lenient")[number % 2]
        for letter in itertools.cycle(range(len(LETTERS))):
            if over.is_set() and len(sent) >= SESSIONS:
                return
            recipient = mta.recipient()
            with mta.connect(service_name) as session:
                reply = session.mail(LETTERS[letter].raw, recipient)
                assert reply.code == 250, reply.text
            sent.append((letter, recipient))
            time.sleep(0.01)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, number) for number in range(CLIENTS)]
        try:
            for _ in range(ROUNDS):
                restartable.reload()
                restartable.stop()
                restartable.start()
        finally:
            over.set()
        for finished in clients:
            finished.result()

    assert len(sent) >= SESSIONS
    mta.postfix.wait_until_empty()
    for letter, recipient in sent:
        delivery = mta.sink.one(recipient)
        assert_tagged(delivery.header)
        assert LETTERS[letter].agrees_with(delivery.tags)
    assert "restart.sock" not in mta.postfix.log(), "Postfix complains of its milter"
