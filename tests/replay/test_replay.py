"""Weeks of customer service through the real doors, at simulated time."""

import asyncio
from pathlib import Path

import pytest

from tests.replay.__main__ import table
from tests.replay.rules import ALWAYS, RULES, broken
from tests.replay.run import replay


def test_a_week(tmp_path: Path) -> None:
    record = asyncio.run(replay(tmp_path, weeks=1, seed=3))
    assert len(record.of("ack")) > 100, table(record)
    assert not broken(record, ALWAYS), table(record)


@pytest.mark.long
def test_four_weeks(tmp_path: Path) -> None:
    record = asyncio.run(replay(tmp_path, weeks=4, seed=1))
    assert not broken(record, RULES), table(record)
    page = (tmp_path / "week.html").read_text(encoding="utf-8")
    assert "<svg" in page
