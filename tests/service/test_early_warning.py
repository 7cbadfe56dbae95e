"""A topic that rises: from the history to a mail, a signed call and the metrics."""

import json
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from mailtriage.config import load
from mailtriage.insight.alert import verify
from mailtriage.insight.evaluator import evaluate
from mailtriage.service import early_warning
from mailtriage.service.early_warning import EarlyWarning, counts_of, series_of
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import MARK, Phrases
from mailtriage.state.history import open_history
from mailtriage.state.warnings import WarningsFile
from tests.support.postfix import free_port
from tests.support.rising import DAY, HOUR, NOON, Hook, listening, mails, three_weeks, write

KEY = b"a key that only the two of us know"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as found:
        yield found


@dataclass
class Postbox:
    """An SMTP server."""

    port: int = 0
    taken: list[bytes] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802  the name that aiosmtpd looks for
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.taken.append(bytes(envelope.content))
        return "250 taken"


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


@dataclass
class Watching:
    """Early warning with its files, at whatever time it is told."""

    file: Path
    warning: EarlyWarning
    deltas: Deltas
    kept: WarningsFile

    def at(self, now: int) -> None:
        self.warning.look(self.kept, self.file, now)

    def until(self, end: int) -> None:
        """Through four hours, as the service would."""
        for now in range(end - 4 * HOUR, end, 300):
            self.at(now)

    def gauge(self, name: str, *labels: str) -> float:
        return self.deltas._gauges[name, labels]


@pytest.fixture
def watching(tmp_path: Path, hook: Hook, postbox: Postbox) -> Iterator[Watching]:
    secret = tmp_path / "key"
    secret.write_bytes(KEY + b"\n")
    file = tmp_path / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n'
        f'[ack]\nsubmit = "127.0.0.1:{postbox.port}"\n'
        f'[warnings]\nmail_to = ["team@desk.example"]\nwebhook = "{hook.url}"\n'
        f'webhook_secret_file = "{secret}"\n'
    )
    config = load([file]).config
    deltas = Deltas()
    with closing(WarningsFile(tmp_path / "warnings.db")) as kept:
        warning = EarlyWarning(config, deltas, Log("error"))
        yield Watching(tmp_path / "history.db", warning, deltas, kept)


def test_an_ordinary_day_alarms_nobody(watching: Watching, hook: Hook, postbox: Postbox) -> None:
    dice = random.Random(1)
    write(watching.file, three_weeks(dice) + mails(12, NOON - 4 * HOUR, 4, dice))
    watching.at(NOON + 120)
    watching.at(NOON + 180)
    assert (hook.calls, postbox.taken) == ([], [])
    assert watching.gauge("mailtriage_topic_surge", "skill", "delivery") == 0
    assert watching.gauge("mailtriage_topic_expected", "skill", "delivery") > 1


@pytest.fixture
def surge(watching: Watching) -> Watching:
    """Sixty mails in four hours, where twelve were to be expected."""
    dice = random.Random(2)
    write(watching.file, three_weeks(dice))
    watching.at(NOON - 4 * HOUR)
    write(watching.file, mails(60, NOON - 4 * HOUR, 3.9, dice))
    return watching


def test_a_surge_is_told_once_by_mail_and_webhook(
    surge: Watching, hook: Hook, postbox: Postbox
) -> None:
    surge.until(NOON)
    assert len(postbox.taken) == len(hook.calls) == len({body for body, _ in hook.calls})
    bodies = [json.loads(body) for body, _ in hook.calls]
    (told,) = [body for body in bodies if body["name"] == "delivery"]
    assert told["type"] == "surge.started"
    assert told["observed"] > 2 * told["expected"]
    assert told["senders"] >= 4
    assert len(told["queue_ids"]) == 3
    assert surge.gauge("mailtriage_topic_surge", "skill", "delivery") == 1
    mail = message_from_bytes(next(each for each in postbox.taken if b"delivery" in each))
    assert mail["To"] == "team@desk.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"].startswith("[mailtriage] skill delivery: ")


def test_the_alert_has_the_phrases_of_its_mails_and_what_else_is_new(
    surge: Watching, hook: Hook, postbox: Postbox, tmp_path: Path
) -> None:
    dice = random.Random(5)
    analyst = read_everything([tmp_path / "mailtriage.toml"]).analyst()
    phrases = Phrases(analyst, surge.deltas, Log("error"))

    def write_in(skill: str, text: str) -> None:
        facts = [dice.randbytes(16).hex(), "4WNEW", "en", skill, "none"]
        phrases.take(MARK + json.dumps(facts).encode() + b"\n" + text.encode())
        phrases.look(NOON - 3 * HOUR)

    nouns, verbs = ("invoice", "order", "lamp", "sofa", "door"), ("late", "lost", "wrong", "gone")
    for _ in range(600):
        write_in("billing", f"Hello, my {dice.choice(nouns)} is {dice.choice(verbs)}")
    for _ in range(10):
        write_in("delivery", "Your courier left it in the rain")
        write_in("billing", "The loyalty card shows an error")
    phrases.scan(NOON - 3 * HOUR)
    surge.warning = EarlyWarning(surge.warning._config, surge.deltas, Log("error"), phrases)
    surge.until(NOON)
    told = {body["name"]: body for body in (json.loads(body) for body, _ in hook.calls)}
    assert any("courier" in phrase for phrase in told["delivery"]["phrases"])
    assert not any("loyalty" in phrase for phrase in told["delivery"]["phrases"])
    mail = message_from_bytes(next(each for each in postbox.taken if b"delivery" in each))
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    _, _, rest = body.partition(b"New in the latest mail:")
    assert b"loyalty card" in rest


def test_a_call_is_signed(surge: Watching, hook: Hook) -> None:
    surge.until(NOON)
    body, signature = hook.calls[0]
    at = int(signature.partition(",")[0].removeprefix("t="))
    assert verify(body, signature, KEY, at)
    assert not verify(body, signature, b"another key of some length", at)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_call_that_fails_is_made_again(surge: Watching, hook: Hook, status: int) -> None:
    hook.answers = [status] * 2 + [204]
    surge.until(NOON)
    bodies = [body for body, _ in hook.calls]
    assert len(bodies) == len(set(bodies)) + 2
    assert surge.kept.due(NOON + 30 * DAY) == []


def test_who_is_gone_is_not_called_again(surge: Watching, hook: Hook) -> None:
    hook.answers = [410]
    surge.until(NOON)
    assert len(hook.calls) == len({body for body, _ in hook.calls})


def test_after_a_restart_nobody_is_told_again(surge: Watching, hook: Hook) -> None:
    surge.until(NOON)
    before = len(hook.calls)
    assert before
    surge.warning._board = None  # as a new process would begin
    surge.at(NOON + 60)
    surge.at(NOON + 120)
    assert len(hook.calls) == before


def test_without_what_was_learnt_the_history_teaches_it_and_the_past_is_no_news(
    surge: Watching, hook: Hook, tmp_path: Path
) -> None:
    with closing(WarningsFile(tmp_path / "other.db")) as empty:
        surge.warning.look(empty, surge.file, NOON + 2 * DAY)
        surge.warning.look(empty, surge.file, NOON + 2 * DAY + 60)
    assert hook.calls == []


def test_what_is_counted_of_a_mail(watching: Watching) -> None:
    dice = random.Random(3)
    quarter = NOON // 900
    write(
        watching.file,
        [
            *mails(2, NOON, 0.2, dice, topic="parcel"),
            *mails(1, NOON, 0.2, dice, skill="general", language="de"),
            *mails(1, NOON, 0.2, dice, kind="machine"),
            *mails(1, NOON, 0.2, dice, direction="outbound"),
        ],
    )
    with open_history(watching.file) as history:
        counts = counts_of(history, quarter)
        found = {f"{series.kind}:{series.name}": one.mails for series, one in counts.items()}
        assert found == {
            "skill:delivery": 2, "skill:general": 1, "language:en": 2, "language:de": 1,
            "topic:parcel": 2, "unsure:all": 1,
        }  # fmt: skip
        assert len(series_of(history.newest(1)[0])) >= 2


@pytest.mark.parametrize("years", [1, 40])
def test_a_clock_that_was_years_ahead_does_not_end_the_watch(
    watching: Watching, hook: Hook, years: int
) -> None:
    dice = random.Random(2)
    write(watching.file, three_weeks(dice))
    watching.at(NOON - 5 * HOUR)
    watching.at(NOON + years * 366 * DAY)
    watching.at(NOON - 4 * HOUR)
    write(watching.file, mails(60, NOON - 4 * HOUR, 3.9, dice))
    watching.until(NOON)
    assert any(json.loads(body)["name"] == "delivery" for body, _ in hook.calls)


def test_an_alert_that_a_wrong_clock_put_off_for_years_is_sent(surge: Watching, hook: Hook) -> None:
    hook.answers = [500, 204]
    surge.until(NOON - 2 * HOUR)
    surge.kept._connection.execute(
        "INSERT INTO owed VALUES ('later', 'webhook', x'7b7d', 1, ?)", (NOON + 366 * DAY,)
    )
    surge.at(NOON)
    assert any(body == b"{}" for body, _ in hook.calls)


def test_a_history_that_begins_in_1970_is_not_gone_through_from_there(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(4)
    write(watching.file, mails(3, 100, 1, dice) + three_weeks(dice))
    steps = []

    def counting(board: Any, counts: Any, now: int) -> list[Any]:
        steps.append(now)
        return evaluate(board, counts, now)

    monkeypatch.setattr(early_warning, "evaluate", counting)
    watching.at(NOON)
    assert len(steps) < 100
    assert watching.gauge("mailtriage_topic_expected", "skill", "delivery") > 1


def test_a_history_of_the_future_alone_teaches_nothing(watching: Watching) -> None:
    write(watching.file, mails(3, NOON + 366 * DAY, 1, random.Random(5)))
    watching.at(NOON)
    assert watching.kept.read(watching.warning._week, 2) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"queue_id": "<script>"},
        {"queue_id": "x\r\nBcc: all@desk.example"},
        {"language": "de\nBcc: x"},
        {"skill": "Bad Name\r\nX: y"},
        {"topic": "a" * 500},
    ],
)
def test_a_record_that_no_analyser_wrote_does_not_end_the_watch(
    watching: Watching, hook: Hook, postbox: Postbox, odd: dict[str, str]
) -> None:
    dice = random.Random(2)
    write(watching.file, three_weeks(dice))
    watching.at(NOON - 4 * HOUR)
    surge = mails(60, NOON - 4 * HOUR, 3.9, dice)
    poison = [replace(one, **odd) for one in mails(60, NOON - 4 * HOUR, 3.9, dice)]
    write(watching.file, surge + poison)
    watching.until(NOON)
    assert any(json.loads(body)["name"] == "delivery" for body, _ in hook.calls)
    for mail in postbox.taken:
        head = mail.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nbcc:" not in head
        assert b"\r\nx:" not in head
