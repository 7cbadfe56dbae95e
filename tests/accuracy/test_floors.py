"""Accuracy cannot slide: `mailtriage eval` with floors, on the labelled mails where they are."""

from pathlib import Path

import pytest

from mailtriage.commands.eval import run_eval

HERE = Path(__file__).resolve().parent
GOLD = HERE.parents[1].parent / "shared" / "data" / "gold"


@pytest.mark.skipif(not GOLD.is_dir(), reason=f"no labelled mails in {GOLD}")
def test_the_shipped_configuration_reaches_its_floors(capsys: pytest.CaptureFixture[str]) -> None:
    code = run_eval(
        [Path("/dev/null")],
        GOLD,
        as_json=False,
        plot=None,
        by="language",
        errors=0,
        floors=HERE / "floors.toml",
    )
    told = capsys.readouterr()
    assert code == 0, told.out + told.err
