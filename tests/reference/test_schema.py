"""The shipped schemas: what they accept, and how they are written."""

import re
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from jsonschema import Draft4Validator

from mailtriage.config.units import seconds, size_in_bytes
from mailtriage.reference.settings import read_reference
from mailtriage.reference.shapes import DURATION, SIZE
from tests.reference.conftest import CONFIGURATION, POLICY, PROFILE, ROOT, SCHEMAS, Kind

FENCE = re.compile(r"^(?P<indent> *)```toml\n(?P<block>.*?)^ *```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("config/**/*.md"))]
BLOCKS = [
    pytest.param(dedent(found["block"]), id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, found in enumerate(FENCE.finditer(page.read_text(encoding="utf-8")))
]
SHIPPED = [
    *((POLICY, file) for room in ("skills", "facets") for file in sorted((ROOT / "policies" / room).glob("*.toml"))),
    *((PROFILE, file) for file in sorted(ROOT.glob("config/helpdesks/*/profile.toml"))),
    (CONFIGURATION, ROOT / "config" / "mailtriage.toml"),
]  # fmt: skip


def mistakes(kind: Kind, document: dict[str, Any]) -> list[str]:
    return [f"{list(e.absolute_path)}: {e.message}" for e in kind.validator().iter_errors(document)]


@pytest.mark.parametrize("kind", [CONFIGURATION, POLICY, PROFILE], ids=lambda kind: kind.name)
def test_it_is_a_schema_of_draft_4(kind: Kind) -> None:
    """Taplo, and with it Even Better TOML, reads no newer one."""
    assert kind.schema["$schema"] == "http://json-schema.org/draft-04/schema#"
    Draft4Validator.check_schema(kind.schema)


@pytest.mark.parametrize(
    ("kind", "file"), SHIPPED, ids=[str(file.relative_to(ROOT)) for _, file in SHIPPED]
)
def test_it_accepts_what_is_shipped(kind: Kind, file: Path) -> None:
    assert mistakes(kind, tomllib.loads(file.read_text(encoding="utf-8"))) == []


def test_it_accepts_the_reference_with_every_setting_given() -> None:
    text = (ROOT / "config" / "mailtriage.toml").read_text(encoding="utf-8")
    assert mistakes(CONFIGURATION, tomllib.loads(read_reference(text).uncommented)) == []


@pytest.mark.parametrize("block", BLOCKS)
def test_it_accepts_what_the_documents_show(block: str) -> None:
    document = tomllib.loads(block)
    if document.keys() & {"skill", "facet"}:
        assert mistakes(POLICY, document) == []
    elif document.keys() <= {"signal", "test", "levels", "adjust"}:  # a part of a policy
        parts = {"format": 1, "skill": "part", "signal": [{"id": "x", "weight": 1, "regex": "x"}]}
        floors = any("floor" in signal for signal in document.get("signal", ()))
        if floors or document.keys() & {"levels", "adjust"}:
            levels = {"urgent": 80, "high": 60, "normal": 20}
            del parts["skill"]
            parts |= {"facet": "priority", "levels": levels}
        assert mistakes(POLICY, parts | document) == []
    elif document.keys() & {"title", "emit"}:
        assert mistakes(PROFILE, document) == []
    else:
        assert mistakes(CONFIGURATION, document) == []


def test_every_setting_of_the_configuration_is_described() -> None:
    text = (ROOT / "config" / "mailtriage.toml").read_text(encoding="utf-8")
    for section in read_reference(text).sections:
        place = CONFIGURATION.schema
        for name in section.path:
            named = place.get("properties", {})
            place = named[name] if name in named else place["additionalProperties"]
        for entry in section.entries:
            for key, default in entry.keys:
                described = place["properties"][key]
                assert described["description"], key
                assert described["default"] == tomllib.loads(f"x = {default}")["x"]


@pytest.mark.parametrize(
    ("schema", "read", "texts"),
    [
        (DURATION, seconds, ["0", "0.0", "500ms", "2s", "1.5m", "1 h", "7d", "00"]),
        (DURATION, seconds, ["", "2", "2x", "s", "-1s", "2 days", "1e3s", "2S", " 2s", "0x"]),
        (SIZE, size_in_bytes, ["0", "10", "256KiB", "10MB", "1 gib", "5b", "1.5KiB", "3kB"]),
        (SIZE, size_in_bytes, ["", "KiB", "1K", "1Ki", "10 Mbit", "-1", "1TB", "1 000"]),
    ],
)
def test_units_are_read_as_the_program_reads_them(
    schema: dict[str, Any], read: Any, texts: list[str]
) -> None:
    for text in texts:
        try:
            read(text)
        except ValueError:
            good = False
        else:
            good = True
        assert Draft4Validator(schema).is_valid(text) == good, text


def test_there_are_no_other_schemas() -> None:
    names = {"mailtriage.schema.json", "policy.schema.json", "profile.schema.json"}
    assert {file.name for file in SCHEMAS.iterdir()} == names
