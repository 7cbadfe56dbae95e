"""Conversations that may be followed by a survey, and what a node knows of those who would be asked."""

import dataclasses
import time
from typing import Final

from mailtriage.acks.follow_up_texts import load_follow_up_texts
from mailtriage.acks.order import Order
from mailtriage.config import Config
from mailtriage.desk.follow_up_desk import FollowUpDesk
from mailtriage.insight.promises import Knowledge
from mailtriage.service.follow_up import FollowUpTask
from mailtriage.shipped import shipped_directory
from mailtriage.state.follow_ups import OwedMail, Standing
from mailtriage.state.records import FollowUp
from mailtriage.state.redis_scripts import PULL
from mailtriage.state.shared_question import horizon_of, pull_values, read_pulled
from mailtriage.state.shared_records import Pulled
from tests.state.conftest import DAY, HOUR, JOE, TOKENS, inbound, key_of
from tests.state.nodes import COOL_DOWN, Node
from tests.state.publishing import Publishing
from tests.support.orders import ORDER

NOW: Final = float(int(time.time()))
"""Redis forgets by its own clock."""
WHO: Final = TOKENS.pseudonym("address", JOE)


def order(name: str, address: str = JOE) -> Order:
    """Of the acknowledgement of the mail of that name."""
    key, message_id = key_of(name), f"<{name}@customer.example>"
    return dataclasses.replace(ORDER, key=key, to=address, message_id=message_id, references=())


def begin(node: Node, name: str, address: str = JOE, writes: str = "") -> int:
    """A conversation that may be followed by a survey; its number. `writes`: who the customer is,
    where the acknowledgement goes to another address."""
    kept = FollowUp(order(name, address).to_json(), "survey", NOW + HOUR, NOW, NOW + 90 * DAY)
    assert node.takes(inbound(name, NOW, address=writes or address), follow_up=kept)
    found = node.connection.execute(
        "SELECT conversation FROM mail WHERE key = ?", (key_of(name),)
    ).fetchone()
    return int(found[0])


def hear(node: Node, conversation: int, now: float = NOW) -> Pulled:
    """What the desk asks before it decides about a survey, and writes down."""
    question = node.store.follow_ups.question(conversation, now)
    assert question is not None
    values = pull_values(question, TOKENS, horizon_of(COOL_DOWN))
    pulled = read_pulled(node.link.run(PULL, "", values))
    with node.store.transaction():
        node.store.hear(pulled)
    return pulled


def standing(node: Node, conversation: int, now: float = NOW) -> Standing:
    """On what the desk decides."""
    hear(node, conversation, now)
    found = node.store.follow_ups.standing(conversation, now)
    assert found is not None
    return found


def ask(node: Node, conversation: int, at: float = NOW) -> None:
    """A survey is owed."""
    found = node.store.follow_ups.standing(conversation, at)
    assert found is not None
    mail = OwedMail(key_of(f"survey {conversation}"), "survey", b"x", f"<s{at}@x>", "", at + DAY)
    with node.store.transaction():
        node.store.follow_ups.owe(found, mail, at)


def opt_out(node: Node, at: float = NOW, address: str = JOE) -> None:
    """They want no more."""
    with node.store.transaction():
        node.store.surveys.opt_out_address(address, at)


def looked(node: Publishing, config: Config) -> list[object]:
    """What the desk says of all that is due."""
    said: list[object] = []
    texts = load_follow_up_texts(shipped_directory("policies") / "acks", only_own=True)
    task = FollowUpTask(
        FollowUpDesk(config, TOKENS, texts, Knowledge),
        node.commit,
        lambda _, fields: said.append(fields["result"]),
        ask=node.judgement.pulled_about,
        clock=time.time,
    )
    node.awaits(task.look())
    return said
