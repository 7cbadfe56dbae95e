"""The desk finds by itself what the milter would have found.

Every sample mail and every case of the rules goes both ways: with the milter's tags and seal, and
as it passes while the milter is down. What the desk then remembers and sends is the same, byte for
byte.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailtriage.demo.embedded import CUSTOMERS, sample_files, vouched_for
from mailtriage.mail.model import Client
from mailtriage.mail.read import read_message
from tests.support.ack_cases import AckCase, read_cases
from tests.support.office import BASE, HELP, ONE_MAILBOX, Office, Taken, open_office

MAILBOXES = (
    BASE
    + """\
[mailboxes."help@desk.example"]
aliases = ["support@desk.example", "hilfe@desk.example"]
name = "Desk Support"
[mailboxes."sales@desk.example"]
[mailboxes."off@desk.example"]
ack = "off"
[mailboxes."ticket@desk.example"]
ack = "delegate"
[mailboxes."privacy@desk.example"]
[mailboxes."abuse@desk.example"]
"""
)
PLAIN = [case for case in read_cases() if not (case.toml or case.login or case.triage)]
"""Cases of the configuration above. What was before a mail is not: both paths ask the same ledger."""


WRITTEN = (
    "SELECT key, way, kind, rule, announced, skill, priority, language, topic, thread FROM mail",
    "SELECT customer, mailbox, acknowledged > 0, promised, unanswered FROM conversation",
    "SELECT address FROM writer",
    "SELECT id FROM message",
    "SELECT address, subject, network, original_id FROM ack",
    "SELECT key, mailbox, domain, address, message, state, expires - created FROM outbox",
)
"""All of it."""


class UndoneError(Exception):
    """Whatever was written is not kept."""


def remembered(office: Office, copy: Any, now: float) -> list[Any]:
    """All that the desk writes about a mail, and the acknowledgement; then it is undone."""
    found: list[Any] = []
    prepared = office.handler.prepare(copy, now)
    if prepared is None:
        return found
    try:
        with office.store.transaction(), office.store.savepoint():
            office.handler.apply(prepared, office.store, now)
            for query in WRITTEN:
                found += office.query(query)
            raise UndoneError
    except UndoneError:
        return found


def assert_same(office: Office, taken: Taken, recipients: tuple[str, ...]) -> None:
    now = float(office.moment(taken))
    by_milter: list[Any] = []
    by_desk = {}
    if taken.hidden:
        by_milter = remembered(office, taken.copy(), now)
        by_desk["killed"] = remembered(office, taken.copy(tags=0), now)
        by_desk["half-way"] = remembered(office, taken.copy(tags=7), now)
    mailboxes = {office.config.mailboxes.find(one) for one in recipients} - {None}
    if len(mailboxes) == 1:  # which of several answers depends on what comes first
        (mailbox,) = mailboxes
        assert mailbox is not None
        sweeper = office.sweeper(mailbox.address)
        by_desk["swept"] = remembered(office, taken.swept(sweeper), now)
        by_desk["down"] = remembered(office, taken.swept(sweeper, tagged=False), now)
    assert by_desk == dict.fromkeys(by_desk, by_milter)


@pytest.fixture(scope="module")
def cases_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("cases"), MAILBOXES) as office:
        yield office


@pytest.fixture(scope="module")
def samples_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("samples"), ONE_MAILBOX, CUSTOMERS) as office:
        yield office


@pytest.mark.parametrize("file", sample_files(), ids=lambda file: file.stem)
def test_samples(samples_office: Office, file: Path) -> None:
    raw = file.read_bytes()
    mail = read_message(raw)
    sender = "" if mail.headers.first("Return-Path").strip() == "<>" else mail.from_address
    taken = samples_office.take(vouched_for(raw, sender), sender=sender)
    assert_same(samples_office, taken, (HELP,))


@pytest.mark.parametrize("case", PLAIN, ids=[case.place for case in PLAIN])
def test_cases(cases_office: Office, case: AckCase) -> None:
    taken = cases_office.take(
        case.message, sender=case.sender, recipients=case.recipients, client=Client(case.client)
    )
    assert_same(cases_office, taken, case.recipients)
