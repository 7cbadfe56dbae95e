"""config/mailtriage.toml shows every setting, at its default, and nothing else."""

import re
import tomllib
from pathlib import Path
from typing import Any

from mailtriage.config import load
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import dotted

REFERENCE = Path(__file__).resolve().parents[2] / "config" / "mailtriage.toml"
SETTING = re.compile(r"^#(?=[a-z\[])", re.MULTILINE)
"""The "#" before a setting or section has no blank after it; that before a word of prose has."""


def uncommented() -> str:
    return SETTING.sub("", REFERENCE.read_text(encoding="utf-8"))


def shown() -> dict[KeyPath, object]:
    """Path → value of every setting in the reference."""
    return flat(tomllib.loads(uncommented()), ())


def flat(table: dict[str, Any], above: KeyPath) -> dict[KeyPath, object]:
    """A table and those below it: a table's own keys come first, as in the file."""
    values: dict[KeyPath, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            values |= flat(value, (*above, key))
        else:
            values[(*above, key)] = value
    return values


def test_it_loads_as_it_is_and_changes_nothing(tmp_path: Path) -> None:
    loaded = load([REFERENCE])
    assert loaded.config == load(directory=tmp_path).config
    assert not any(setting.given for setting in loaded.settings)


def test_it_shows_every_setting_of_the_code_at_its_default(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text(uncommented(), encoding="utf-8")
    settings = load([file]).settings
    assert all(setting.given for setting in settings)
    assert shown() == {setting.path: setting.default for setting in settings}


def test_every_setting_is_explained() -> None:
    """Each follows prose, directly or after settings that the same prose explains."""
    explained = False
    unexplained = []
    for line in REFERENCE.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            explained = True
        elif not line:
            explained = False
        elif SETTING.match(line) and "[" not in line[:2] and not explained:
            unexplained.append(line)
    assert unexplained == []


def test_the_order_is_that_of_the_code(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text(uncommented(), encoding="utf-8")
    in_code = [dotted(setting.path) for setting in load([file]).settings]
    assert [dotted(path) for path in shown()] == in_code
