"""One suite, four views: what is known of earlier mails is the same on the node that saw them, on
another node, and for an analyser of either that asks in line.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from mailtriage.state.ledger import History, LedgerQuestion
from tests.state.conftest import (
    DAY,
    HOUR,
    JOE,
    ack_id,
    inbound,
    key_of,
    outbound,
    question,
)
from tests.state.nodes import Node, two_nodes
from tests.support.redis_server import RedisServer, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]

NOW: Final = float(int(time.time()))
"""Redis forgets by its own clock."""

VIEWS: Final = ("same node", "another node", "in line here", "in line elsewhere")


class Nodes:
    """Two, of which the first has the mails, and one view of what they know."""

    def __init__(self, first: Node, second: Node, view: str, on: ExitStack) -> None:
        self.first, self.second, self._view, self._on = first, second, view, on

    def ask(self, asked: LedgerQuestion) -> History:
        """What the view answers."""
        self.first.tell()
        if self._view == "same node":
            with self.first.store.transaction():
                return self.first.store.look_up(asked)
        if self._view == "another node":
            return self.second.look_up(asked)
        node = self.first if self._view == "in line here" else self.second
        ledger = node.ledger()
        self._on.callback(ledger.close)
        return ledger.look_up(asked)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all."""
    with RedisServer(tmp_path_factory.mktemp("r")) as running:
        yield running


@pytest.fixture
def pair(redis: RedisServer, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two nodes that have seen nothing."""
    with two_nodes(redis, tmp_path) as both:
        yield both


@pytest.fixture(params=VIEWS)
def nodes(pair: tuple[Node, Node], request: pytest.FixtureRequest) -> Iterator[Nodes]:
    """The same, seen in each way."""
    with ExitStack() as on:
        yield Nodes(*pair, request.param, on)


def asked(at: float = NOW, **changes: object) -> LedgerQuestion:
    """The next mail of Joe's."""
    return question(at, **changes)


def test_nothing_is_known_of_nothing(nodes: Nodes) -> None:
    known = nodes.ask(asked())
    assert known == History()


def test_a_mail_that_was_recorded_is_known(nodes: Nodes) -> None:
    nodes.first.takes(inbound("m1", NOW))
    assert nodes.ask(asked(key=key_of("m1"))).handled
    assert not nodes.ask(asked()).handled


@pytest.mark.parametrize(
    ("later", "changes", "expected"),
    [
        (1.0, {}, (1, 1, 1, 1)),
        (1.0, {"subject": "RE: where is my PARCEL?"}, (1, 1, 1, 1)),
        (1.0, {"subject": "My bill"}, (0, 1, 1, 1)),
        (1.0, {"address": "Joe+news@customer.example"}, (1, 1, 1, 1)),
        (1.0, {"address": "ann@customer.example"}, (0, 0, 0, 1)),
        (1.0, {"address": ""}, (0, 0, 0, 1)),
        (1.0, {"network": "198.51.100.8"}, (1, 1, 1, 0)),
        (1.0, {"network": ""}, (1, 1, 1, 0)),
        (HOUR + 1, {}, (1, 1, 1, 0)),
        (3 * HOUR + 1, {}, (0, 0, 1, 0)),
        (DAY + 1, {}, (0, 0, 0, 0)),
    ],
)
def test_acknowledgements_count(
    nodes: Nodes, later: float, changes: dict[str, object], expected: tuple[int, ...]
) -> None:
    nodes.first.takes(inbound("m1", NOW))
    known = nodes.ask(asked(NOW + later, **changes))
    counted = (known.same_subject, known.to_sender, known.to_sender_today, known.to_network)
    assert counted == expected


def test_who_was_not_acknowledged_counts_for_nothing(nodes: Nodes) -> None:
    nodes.first.takes(inbound("m1", NOW), acknowledged=False)
    known = nodes.ask(asked(NOW + 1))
    assert (known.last_ack, known.to_sender_today, known.to_network) == (0.0, 0, 0)


def test_a_cool_down_is_of_one_mailbox(nodes: Nodes) -> None:
    nodes.first.takes(inbound("m1", NOW))
    assert nodes.ask(asked(NOW + 1)).last_ack == NOW
    assert nodes.ask(asked(NOW + 1, mailbox="sales@desk.example")).last_ack == 0.0


@pytest.mark.parametrize(
    "reference",
    ["<m1@customer.example>", ack_id("m1")],
    ids=["its Message-ID", "our acknowledgement"],
)
def test_a_conversation_is_found(nodes: Nodes, reference: str) -> None:
    nodes.first.takes(inbound("m1", NOW))
    found = nodes.ask(asked(NOW + 9, references=("<unknown@x.example>", reference))).conversation
    assert found is not None
    assert found.same_sender
    assert (found.last_activity, found.acknowledged) == (NOW, NOW)
    assert (found.answered, found.promised) == (0.0, NOW + 8 * HOUR)
    assert (found.unanswered, found.skill, found.language) == (0, "delivery", "en")


def test_the_newest_reference_that_is_known_decides(nodes: Nodes) -> None:
    nodes.first.takes(inbound("m1", NOW))
    nodes.first.takes(inbound("m2", NOW + 1, skill="billing"))
    both = ("<m1@customer.example>", "<m2@customer.example>", "<later@x.example>")
    found = nodes.ask(asked(NOW + 2, references=both)).conversation
    assert found is not None
    assert found.skill == "billing"


def test_a_forged_id_of_ours_leads_nowhere(nodes: Nodes) -> None:
    nodes.first.takes(inbound("m1", NOW))
    forged = ack_id("m1").replace("@", "a@")
    assert nodes.ask(asked(NOW + 1, references=(forged,))).conversation is None


def test_another_writer_is_another(nodes: Nodes) -> None:
    nodes.first.takes(inbound("m1", NOW))
    boss = asked(NOW + 1, address="boss@customer.example", references=(ack_id("m1"),))
    found = nodes.ask(boss).conversation
    assert found is not None
    assert not found.same_sender


def test_mails_since_the_acknowledgement_are_counted_and_an_answer_resets(nodes: Nodes) -> None:
    first = nodes.first
    first.takes(inbound("m1", NOW))
    for number in (2, 3, 4):
        again = inbound(f"m{number}", NOW + number, references=(ack_id("m1"),))
        first.takes(again, acknowledged=False)
    found = nodes.ask(asked(NOW + 9, references=(ack_id("m1"),))).conversation
    assert found is not None
    assert (found.unanswered, found.last_activity) == (3, NOW + 4)
    first.sends(outbound("o1", NOW + 10, ("<m1@customer.example>",)))
    first.takes(inbound("m5", NOW + 11, references=(ack_id("m1"),)), acknowledged=False)
    found = nodes.ask(asked(NOW + 12, references=("<o1@desk.example>",))).conversation
    assert found is not None
    assert (found.unanswered, found.answered) == (1, NOW + 10)


def test_what_is_held_against_an_address(nodes: Nodes) -> None:
    first = nodes.first
    first.takes(inbound("m1", NOW))
    with first.store.transaction():
        first.store.record_complaint(JOE, NOW + 1)
    first.connection.execute("UPDATE mark SET undeliverable = ?, robot = ?", (NOW + 2, NOW + 3))
    known = nodes.ask(asked(NOW + 4))
    assert (known.complained, known.undeliverable, known.robot) == (True, True, True)
    other = nodes.ask(asked(NOW + 4, address="ann@customer.example"))
    assert (other.complained, other.undeliverable, other.robot) == (False, False, False)
    later = nodes.ask(asked(NOW + 61 * DAY))
    assert (later.complained, later.undeliverable, later.robot) == (True, False, False)
