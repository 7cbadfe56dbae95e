"""What is counted of the Redis that nodes share."""

import json
import socket

from mailtriage.acks.tokens import Tokens
from mailtriage.service.metrics_deltas import Deltas, decode
from mailtriage.service.metrics_desk import counting
from mailtriage.state.ledger import EmptyLedger, LedgerQuestion
from mailtriage.state.redis_ledger import RedisLedger
from mailtriage.state.redis_link import Place, RedisLink


def told(deltas: Deltas) -> dict[str, float]:
    """Everything that was counted or set."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        deltas.flush(here)
        entries = decode(there.recv(1 << 17))
    return {
        json.dumps([entry["n"].removeprefix("mailtriage_"), *entry["l"]]): entry.get(
            "c", entry.get("g")
        )
        for entry in entries
    }


def test_an_outage_at_the_desk_is_counted_once_and_shown_until_it_ends() -> None:
    deltas = Deltas()
    tell = counting(lambda *_: None, deltas)
    tell("error", {"event": "shared-state", "state": "unusable", "fault": "refused"})
    tell("debug", {"event": "shared-unanswered", "mails": 3})
    tell("debug", {"event": "shared-circuit", "state": "open"})
    assert told(deltas) == {
        '["state_errors_total", "redis", "sharing"]': 1,
        '["state_errors_total", "redis", "desk"]': 3,
        '["state_circuit_open", "sharing"]': 1,
        '["state_circuit_open", "redis-desk"]': 1,
    }
    tell("info", {"event": "shared-state", "state": "usable"})
    tell("debug", {"event": "shared-circuit", "state": "closed"})
    assert told(deltas) == {
        '["state_circuit_open", "sharing"]': 0,
        '["state_circuit_open", "redis-desk"]': 0,
    }


def test_a_ledger_that_cannot_be_asked_says_so() -> None:
    place = Place("redis://127.0.0.1:1/0", None, "mailtriage", "x")
    tokens = Tokens(b"only for this test")
    ledger = RedisLedger(
        EmptyLedger(), lambda: RedisLink(place, 0.5), tokens, timeout=1.0, cool_down=0.0
    )
    question = LedgerQuestion(b"k", "", "", "", "", "", (), 1.0)
    assert ledger.look_up(question) == EmptyLedger().look_up(question)
    assert ledger.failures == 1
    assert "refused" in ledger.shared_problem
    assert ledger.problem == ""
    ledger.close()
