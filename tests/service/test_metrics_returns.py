"""What is counted of votes, opt-outs and bounces, and how satisfied customers are."""

import asyncio
import math
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mailtriage.insight.csat import PERIOD
from mailtriage.service import metrics_names as names
from mailtriage.service import metrics_surveys
from mailtriage.service.metrics_deltas import Deltas, decode, encode
from mailtriage.service.metrics_desk import counting
from mailtriage.service.metrics_registry import Registry
from mailtriage.service.metrics_surveys import look, watch_surveys
from mailtriage.state.sqlite import open_database

NOW = 1_795_500_000.0


def told(registry: Registry, deltas: Deltas) -> str:
    """What is scraped after a worker has told what it counted."""
    registry.take(1, decode(encode(list(deltas._take()))))
    return registry.text().decode()


def test_each_mail_counts_and_each_first_vote_by_its_skill() -> None:
    deltas = Deltas()
    tell = counting(lambda level, fields: None, deltas)
    vote = {"event": "return", "kind": "vote"}
    tell("info", {**vote, "result": "counted", "skill": "billing", "vote": 5})
    tell("info", {**vote, "result": "changed"})
    tell("debug", {"event": "return", "kind": "none", "result": "unsigned"})
    text = told(Registry(), deltas)
    assert 'mailtriage_returns_total{kind="vote",result="counted"} 1.0' in text
    assert 'mailtriage_returns_total{kind="vote",result="changed"} 1.0' in text
    assert 'mailtriage_returns_total{kind="none",result="unsigned"} 1.0' in text
    assert 'mailtriage_survey_votes_total{skill="billing",vote="5"} 1.0' in text
    assert text.count("mailtriage_survey_votes_total{") == 1


def surveys(file: Path, skill: str, votes: list[int], asked: float = NOW) -> None:
    """Rows of customers who were asked."""
    with closing(open_database(file)) as connection:
        known = connection.execute("SELECT count(*) FROM survey").fetchone()[0]
        connection.executemany(
            "INSERT INTO survey (key, address, mailbox, skill, language, asked, vote)"
            " VALUES (?, x'00', '', ?, 'en', ?, ?)",
            [
                ((known + number).to_bytes(16), skill, asked, vote)
                for number, vote in enumerate(votes)
            ],
        )


def test_the_share_of_satisfied_customers_is_that_of_the_last_ninety_days(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    surveys(file, "billing", [5] * 6 + [4] * 3 + [1] * 3 + [0] * 50 + [-1])
    surveys(file, "billing", [1] * 100, NOW - PERIOD - 1)
    surveys(file, "delivery", [5] * 9)
    surveys(file, "technical", [0] * 9)
    found = look(file, NOW)
    assert found.keys() == {"billing", "delivery"}
    assert found["billing"] == 0.75
    assert math.isnan(found["delivery"])


def test_few_votes_are_not_shown_as_none_satisfied(tmp_path: Path) -> None:
    """NaN, which no alert fires on, and not 0."""
    deltas = Deltas()
    deltas.set(names.CSAT, "delivery", value=math.nan)
    deltas.set(names.CSAT, "billing", value=0.75)
    text = told(Registry(), deltas)
    assert 'mailtriage_csat_ratio{skill="delivery"} NaN' in text
    assert 'mailtriage_csat_ratio{skill="billing"} 0.75' in text


def test_votes_that_have_grown_old_are_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.db"
    surveys(file, "billing", [5] * 10)
    monkeypatch.setattr(metrics_surveys, "EVERY", 0.01)
    clock = iter((NOW, *([NOW + PERIOD + 1] * 1000)))
    monkeypatch.setattr(metrics_surveys.time, "time", lambda: next(clock))
    deltas = Deltas()

    async def run() -> list[str]:
        watching = asyncio.create_task(watch_surveys(file, deltas))
        registry, shown = Registry(), list[str]()
        while not shown or "NaN" not in shown[-1]:
            await asyncio.sleep(0.01)
            lines = told(registry, deltas).splitlines()
            shown += [line for line in lines if line.startswith("mailtriage_csat_ratio{")]
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        return list(dict.fromkeys(shown))

    series = 'mailtriage_csat_ratio{skill="billing"}'
    assert asyncio.run(asyncio.wait_for(run(), 30)) == [f"{series} 1.0", f"{series} NaN"]


def test_without_a_database_nothing_is_said(tmp_path: Path) -> None:
    """The desk makes it; until then there is nothing to be told."""
    deltas = Deltas()

    async def run() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(watch_surveys(tmp_path / "none.db", deltas), 0.3)

    asyncio.run(run())
    assert list(deltas._take()) == []
