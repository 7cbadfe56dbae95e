"""What an installation without the checkout has: setuptools only takes what pyproject.toml names."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DATA = PROJECT["tool"]["setuptools"]["data-files"]


def taken() -> set[Path]:
    """Every file that some pattern takes."""
    return {file for patterns in DATA.values() for each in patterns for file in ROOT.glob(each)}


def test_every_file_of_config_and_policies_is_taken() -> None:
    there = {
        file
        for name in ("config", "policies")
        for file in (ROOT / name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {str(file.relative_to(ROOT)) for file in there - taken()} == set()


def test_every_pattern_puts_its_files_where_they_stand_in_the_checkout() -> None:
    for target, patterns in DATA.items():
        for each in patterns:
            assert f"share/mailtriage/{Path(each).parent}" == target
            assert list(ROOT.glob(each)), each
