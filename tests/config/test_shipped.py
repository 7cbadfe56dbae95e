"""Shipped data is found beside a checkout, and the message says where it was looked for otherwise."""

import re
import sys
from pathlib import Path

import pytest

from mailtriage.shipped import shipped_directory

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["policies", "config"])
def test_beside_the_checkout(name: str) -> None:
    assert shipped_directory(name) == ROOT / name


def test_under_the_prefix_when_the_checkout_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "share" / "mailtriage" / "elsewhere"
    installed.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert shipped_directory("elsewhere") == installed


def test_what_is_missing_is_named_with_every_place() -> None:
    places = f"{re.escape(str(ROOT))}/absent, .*/share/mailtriage/absent"
    with pytest.raises(FileNotFoundError, match=f"'absent' is missing; looked at {places}"):
        shipped_directory("absent")
