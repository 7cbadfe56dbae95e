"""Floors and ceilings: what a file of them may say, and when a figure fails."""

from pathlib import Path

import pytest

from mailtriage.evaluation.figures import MEASURES, Figure, Measured
from mailtriage.evaluation.floors import Floors, FloorsError, read_floors
from tests.evaluation.conftest import outcome

MEASURED = Measured(
    {
        "skill": Figure(0.742, 288, (0.688, 0.789)),
        "humans_called_non_human": Figure(0.01, 288, (0.0, 0.02)),
        "skill_ece": Figure(0.06, 288),
    },
    {"mood_macro_f1": "no mail has the label 'mood'"},
)


@pytest.mark.parametrize(
    ("floors", "ceilings", "failures"),
    [
        ({"skill": 0.74}, {}, []),
        ({"skill": 0.742}, {}, []),
        ({"skill": 0.8}, {}, ["skill: 0.742 (0.688 to 0.789, n = 288) is below its floor 0.8"]),
        ({"mood_macro_f1": 0.1}, {}, ["mood_macro_f1: not measured: no mail has the label 'mood'"]),
        ({}, {"skill_ece": 0.05}, ["skill_ece: 0.060 (n = 288) is above its ceiling 0.05"]),
        ({}, {"skill_ece": 0.06}, []),
        (
            {"skill": 0.9},
            {"humans_called_non_human": 0.0},
            [
                "skill: 0.742 (0.688 to 0.789, n = 288) is below its floor 0.9",
                "humans_called_non_human: 0.010 (0.000 to 0.020, n = 288) is above its ceiling 0",
            ],
        ),
    ],
)
def test_a_figure_fails_on_the_wrong_side_of_its_bound_or_when_it_is_missing(
    floors: dict[str, float], ceilings: dict[str, float], failures: list[str]
) -> None:
    assert Floors(floors, ceilings).failures(MEASURED) == failures


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "floors.toml"
    file.write_text("[floors]\nskill = 0.80\nlanguage = 1\n[ceilings]\nskill_ece = 0.05\n")
    assert read_floors(file) == Floors({"skill": 0.8, "language": 1.0}, {"skill_ece": 0.05})


def test_every_figure_can_have_a_bound(tmp_path: Path) -> None:
    low = [key for key, measure in MEASURES.items() if measure.low_is_good]
    lines = ["[ceilings]", *(f"{key} = 0.5" for key in low), "[floors]"]
    lines += [f"{key} = 0.5" for key in MEASURES if key not in low]
    file = tmp_path / "floors.toml"
    file.write_text("\n".join(lines))
    bounds = read_floors(file)
    assert {*bounds.floors, *bounds.ceilings} == set(MEASURES)
    assert len(low) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[floors]\nskil = 0.8\n", "2: floors.skil: unknown key — did you mean 'skill'?"),
        ("[floor]\nskill = 0.8\n", "1: floor: unknown key — did you mean 'floors'?"),
        ("[floors]\nskill = 80\n", "2: floors.skill: 80 is out of range — expected 0.0 to 1.0"),
        ("[floors]\nskill = '0.8'\n",
         '2: floors.skill: expected a number, found the string "0.8" — write 0.8, without the quotes'),
        ("[floors]\nskill_ece = 0.05\n",
         "2: floors.skill_ece: is good when it is low — it belongs into [ceilings]"),
        ("[ceilings]\nskill = 0.9\n",
         "2: ceilings.skill: is good when it is high — it belongs into [floors]"),
        ("", "1: no floor is in it — [floors] skill = 0.80"),
        ("[floors\n", "1: not TOML: expected ']' at the end of a table declaration"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "floors.toml"
    file.write_text(text)
    with pytest.raises(FloorsError) as caught:
        read_floors(file)
    assert str(caught.value) == f"{file}:{problem}"


def test_an_outcome_counts_for_its_floor() -> None:
    from mailtriage.evaluation.figures import measure_all

    right = measure_all([outcome({"skill": "general"})])
    wrong = measure_all([outcome({"skill": "sales"})])
    assert Floors({"skill": 1.0}, {}).failures(right) == []
    assert len(Floors({"skill": 1.0}, {}).failures(wrong)) == 1
