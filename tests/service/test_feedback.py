"""What the desk's process does about corrections beside taking them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.desk.report import Level
from mailtriage.service.feedback import FeedbackKeeper
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.metrics_names import FEEDBACK
from mailtriage.state.feedback import Correction, feedback_file, open_feedback, write_corrections

NOW = 1_795_500_000.0
DAY = 86_400.0
ONE = Correction(b"0" * 16, "skill", "billing", "mail", NOW)
BY_COMMAND = replace(ONE, facet="answer", value="good", source="command")


class House:
    """The keeper, its clock, and what it tells."""

    def __init__(self, directory: Path) -> None:
        self.file = feedback_file(directory / "state.db")
        self.now = NOW
        self.told: list[Mapping[str, object]] = []
        self.deltas = Deltas()
        self.keeper = self.another()

    def another(self) -> FeedbackKeeper:
        """As a new process has it."""
        database = self.file.with_name("state.db")
        return FeedbackKeeper(database, 30 * DAY, self.deltas, self.report, lambda: self.now)

    def report(self, level: Level, fields: Mapping[str, object]) -> None:
        assert level == "error"
        self.told.append(fields)

    def counted(self) -> dict[tuple[str, ...], float]:
        """Since it was last asked."""
        counts = {
            labels: n for (name, labels), n in self.deltas._counts.items() if name == FEEDBACK
        }
        self.deltas._counts.clear()
        return counts

    def left(self) -> int:
        feedback = open_feedback(self.file)
        if feedback is None:
            return 0
        with feedback:
            return feedback.count()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_either_wrote_is_counted_once(house: House) -> None:
    house.keeper.look()
    write_corrections(house.file, [ONE, BY_COMMAND])
    house.keeper.look()
    assert house.counted() == {("skill", "mail"): 1, ("answer", "command"): 1}
    write_corrections(house.file, [replace(ONE, at=NOW + 1), replace(ONE, message=b"1" * 16)])
    house.keeper.look()
    assert house.counted() == {("skill", "mail"): 1}
    house.keeper.look()
    assert house.counted() == {}
    assert house.told == []


def test_what_an_earlier_process_counted_is_not_counted_again(house: House) -> None:
    write_corrections(house.file, [ONE])
    house.another().look()
    assert house.counted() == {}


def test_what_is_too_old_goes(house: House) -> None:
    write_corrections(house.file, [ONE, replace(BY_COMMAND, at=NOW + DAY)])
    house.now = NOW + 30.5 * DAY
    house.keeper.look()
    assert house.left() == 1


def test_where_nothing_was_corrected_nothing_is_made(house: House) -> None:
    house.keeper.look()
    assert list(house.file.parent.iterdir()) == []


def test_a_damaged_file_makes_way_and_that_is_told(house: House) -> None:
    house.file.write_bytes(b"no database" * 1000)
    house.keeper.look()
    (told,) = house.told
    assert "is damaged" in str(told["fault"])
    assert "feedback.db.damaged" in str(told["fault"])
    write_corrections(house.file, [ONE])
    house.keeper.look()
    assert house.counted() == {("skill", "mail"): 1}
    assert house.left() == 1


def test_what_cannot_be_mended_is_told_once(house: House) -> None:
    house.file.mkdir()
    for _ in range(3):
        house.keeper.look()
    assert len(house.told) == 1
    house.file.rmdir()
    house.keeper.look()
    house.file.mkdir()
    house.keeper.look()
    assert len(house.told) == 2
