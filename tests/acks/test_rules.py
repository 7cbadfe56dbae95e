"""Every rule, from both sides: the mail that must not be answered, and the near miss that must be.

The cases are mails, in tests/acks/cases; README.md there says how they are written.
"""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from mailtriage.acks.case import make_case
from mailtriage.acks.decide import RULES, decide
from mailtriage.acks.model import Announced, Case, Verdict
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config, load
from mailtriage.doors.analysis import direction
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory
from mailtriage.state.ledger import Conversation, EmptyLedger, History
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind, Thread, Tier
from tests.support.ack_cases import AckCase, read_cases

NOW = 1_795_400_000.0
TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
OTHERS = Tokens(b"the secret of somebody else, also long enough")
CUSTOMERS = FixedCustomers({"known.example": Tier.STANDARD})
ALL = read_cases()
WITHOUT_FORBIDDING = {"A9", "C9", "C10", "C11", "D1", "D2", "I2"}
"""Rules that say how to answer, or whom to believe, and forbid nothing by themselves."""

BASE = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]
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


class Remembering:
    """A ledger that knows what the case says."""

    def __init__(self, history: History) -> None:
        self._history = history

    def look_up(self, _question: object) -> History:
        return self._history


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    policies, _ = load_policies([shipped_directory("policies")])
    return Matcher(policies)


@pytest.mark.parametrize("case", ALL, ids=[case.place for case in ALL])
def test_the_rule_decides(case: AckCase, matcher: Matcher, tmp_path: Path) -> None:
    config = _config(case, tmp_path)
    made = _make(case, matcher, config)
    verdict = decide(made)
    found = f"{verdict.rule or 'ack'} {verdict.detail}".strip()
    outcome, *more = case.expect
    if outcome != "ack":
        assert verdict.rule == outcome, found
        assert verdict.announced in (Announced.SKIPPED, Announced.NONE)
        assert not more or verdict.detail == more[0]
    else:
        assert verdict.rule == "", found
        assert verdict.announced in (Announced.SENT, Announced.DELEGATED)
        _check_ack(verdict, made, more)
    if case.announced:
        assert verdict.announced == case.announced


def _check_ack(verdict: Verdict, made: Case, more: list[str]) -> None:
    assert bool(verdict.generic) == ("generic" in more)
    if "fixed-subject" in more:
        assert not verdict.repeat_subject
    if "TO" in more:
        assert made.destination.address == more[more.index("TO") + 1]


def test_every_rule_has_both_sides() -> None:
    forbidding = {rule.id for rule in RULES}
    hit = {case.rule for case in ALL if case.expect[0] == case.rule}
    missed = {case.rule for case in ALL if case.expect[0] == "ack"}
    assert sorted(forbidding - hit) == []
    assert sorted(forbidding - missed) == []
    assert sorted(WITHOUT_FORBIDDING - {case.rule for case in ALL}) == []


def test_there_are_enough_cases() -> None:
    assert len(ALL) >= 250


def test_rule_ids_are_in_the_order_of_the_documentation() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    groups = [rule_id[0] for rule_id in ids]
    assert groups == sorted(groups)


def _config(case: AckCase, tmp_path: Path) -> Config:
    files = [tmp_path / "base.toml"]
    files[0].write_text(BASE, encoding="utf-8")
    if case.toml:
        own = tmp_path / "own.toml"
        own.write_text("\n".join(case.toml) + "\n", encoding="utf-8")
        files.append(own)
    return load(files).config


def _make(case: AckCase, matcher: Matcher, config: Config) -> Case:
    client = Client(case.client, "client.customer.example", case.login)
    mail = read_message(
        _filled(case.message),
        envelope=Envelope(case.sender, case.recipients),
        client=client,
        queue_id="4A1B2C3D4E",
    )
    way = direction(config, client)
    judged = triage(mail, matcher, CUSTOMERS, direction=way)
    judged = dataclasses.replace(judged, **_forced(case.triage))
    made = make_case(mail, judged, config, TOKENS, EmptyLedger(), NOW, body=b"")
    return dataclasses.replace(made, history=_history(case))


def _filled(message: bytes) -> bytes:
    key = TOKENS.dedupe_key("help@desk.example", "joe@customer.example", b"<m0@customer.example>")
    for name, value in (
        (b"{ack-id}", TOKENS.ack_message_id(key, "desk.example").encode()),
        (b"{forged-ack-id}", OTHERS.ack_message_id(key, "desk.example").encode()),
        (b"{loop-mark}", TOKENS.loop_mark(key).encode()),
        (b"{nul}", b"\0"),
    ):
        message = message.replace(name, value)
    return message


def _forced(words: dict[str, str]) -> dict[str, Any]:
    kinds: dict[str, Any] = {"thread": Thread, "kind": Kind, "language": str}
    return {name: kinds[name](value) for name, value in words.items()}


def _history(case: AckCase) -> History:
    conversation = None
    if case.conversation is not None:
        defaults = {
            "id": "1", "same_sender": "yes", "last_activity": "-60", "answered": "0",
            "acknowledged": "0", "promised": "0", "unanswered": "0",
        }  # fmt: skip
        conversation = _filled_in(Conversation, defaults | case.conversation)
    return dataclasses.replace(_filled_in(History, case.history), conversation=conversation)


def _filled_in(kind: Any, words: dict[str, str]) -> Any:
    times = {"last_ack", "last_activity", "answered", "acknowledged", "promised"}
    values: dict[str, Any] = {}
    for name, word in words.items():
        if word in ("yes", "no"):
            values[name] = word == "yes"
        elif name in times:
            # Relative to now; 0 is "never".
            values[name] = NOW + float(word) if float(word) else 0.0
        else:
            values[name] = int(word)
    return kind(**values)
