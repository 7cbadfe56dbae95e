"""JSON Schema of mailtriage.toml: shapes from the readers, words from the reference."""

import tomllib
from typing import Any, Final

from mailtriage.reference.recorder import Table
from mailtriage.reference.settings import Reference, Section, plain
from mailtriage.reference.shapes import DRAFT, Schema, Shape, table
from mailtriage.toml_lines import KeyPath

TITLE: Final = "mailtriage.toml"


def config_schema(reference: Reference, settings: Table) -> Schema:
    """The schema of the file and of those in conf.d: no key is required."""
    schema = _table(settings)
    for section in reference.sections:
        _describe(schema, section)
    head = {
        "$schema": DRAFT,
        "title": TITLE,
        "description": "The configuration of mailtriage, mailtriage.toml(5).",
    }
    return head | schema


def shape_at(settings: Table, path: KeyPath) -> Shape | Table:
    """What the readers take at that path. Raises KeyError."""
    found: Shape | Table | None = settings
    for name in path:
        if not isinstance(found, Table):
            raise KeyError(path)
        found = found.keys.get(str(name)) or found.others
    if found is None:
        raise KeyError(path)
    return found


def _table(recorded: Table) -> Schema:
    others = recorded.others
    return table(
        {key: _schema(below) for key, below in recorded.keys.items()},
        others=None if others is None else _schema(others),
    )


def _schema(recorded: Shape | Table) -> Schema:
    return _table(recorded) if isinstance(recorded, Table) else dict(recorded.schema)


def _describe(schema: Schema, section: Section) -> None:
    """Put the words of a section into the schema, at its table and its keys."""
    place = schema
    for name in section.path:
        named = place.get("properties", {})
        place = named[name] if name in named else place["additionalProperties"]
    if section.prose:
        place["description"] = plain(section.prose)
    for entry in section.entries:
        for key, written in entry.keys:
            about = plain(entry.prose or section.prose)
            place["properties"][key] |= {"description": about, "default": _value(written)}


def _value(written: str) -> Any:
    return tomllib.loads(f"value = {written}")["value"]
