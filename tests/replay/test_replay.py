"""Weeks of customer service through the real doors, at simulated time."""

import asyncio
from pathlib import Path

import pytest

from tests.replay.__main__ import table
from tests.replay.rules import RULES, broken
from tests.replay.run import replay


@pytest.mark.long
def test_four_weeks(tmp_path: Path) -> None:
    record = asyncio.run(replay(tmp_path, weeks=4, seed=1))
    assert len(record.of("ack")) > 400, table(record)
    assert not broken(record, RULES), table(record)
    page = (tmp_path / "week.html").read_text(encoding="utf-8")
    assert "<svg" in page
