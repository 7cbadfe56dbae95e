"""The customer's answer finds its ticket, in the mode that each profile recommends."""

from pathlib import Path

import pytest

from tests.helpdesks.threads import Row, rows, table

ROWS = rows()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "helpdesks.md"

NOT_KNOWN = {"helpscout", "hubspot"}
"""Of these it was not found how they find a ticket."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.profile)
def test_an_answer_finds_its_ticket_in_the_recommended_mode(row: Row) -> None:
    assert row.recommended is (row.profile not in NOT_KNOWN)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.profile)
def test_repair_makes_nothing_worse(row: Row) -> None:
    usual, alone, *_, repaired, repaired_alone = row.cases
    assert repaired >= usual
    assert repaired_alone >= alone


def test_without_references_nothing_but_repair_helps() -> None:
    assert not any(row.cases[1] for row in ROWS)
    assert any(row.cases[5] for row in ROWS)


def test_the_page_shows_the_table_as_it_is() -> None:
    assert table(ROWS) in PAGE.read_text(encoding="utf-8")
