"""Values as JSON Schema, in the words of draft 4: the newest that Taplo understands."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

DRAFT: Final = "http://json-schema.org/draft-04/schema#"

Schema = dict[str, Any]

# As `config.units` reads them; a test holds the two together.
DURATION: Final[Schema] = {
    "type": "string",
    "pattern": r"^(?:[0-9]{1,15}(?:\.[0-9]{1,9})? ?(?:ms|s|m|h|d)|0{1,15}(?:\.0{1,9})? ?)$",
}
SIZE: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{1,15}(?:\.[0-9]{1,9})? ?(?:(?:[KkMmGg][Ii]?)?[Bb])?$",
}
MODE: Final[Schema] = {"type": "string", "pattern": "^0?[0-7]{3}$"}
PATH: Final = re.compile("/[^\\x00]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What one key may hold."""

    schema: Schema
    bounds: str = ""
    """For people: what the prose need not repeat."""


def string(
    *,
    choices: Collection[str] | None = None,
    pattern: re.Pattern[str] | None = None,
    empty: bool = False,
) -> Shape:
    """A text; checked as `TableReader.text` does."""
    if choices is not None:
        words = [*choices, *([""] if empty else [])]
        listed = ", ".join(f'"{word}"' for word in choices)
        return Shape({"type": "string", "enum": words}, f"One of {listed}.")
    if pattern is not None:
        return Shape({"type": "string", "pattern": anchored(pattern, empty=empty)})
    return Shape({"type": "string"} if empty else {"type": "string", "minLength": 1})


def array(items: Shape) -> Shape:
    """An array of such values."""
    return Shape({"type": "array", "items": items.schema}, items.bounds)


def number(kind: str, low: float | None, high: float | None) -> Shape:
    """A number; `kind` is "integer" or "number"."""
    schema: Schema = {"type": kind}
    schema |= {} if low is None else {"minimum": low}
    schema |= {} if high is None else {"maximum": high}
    if low is None or high is None:
        bounds = f"At least {low}." if low is not None else ""
    else:
        bounds = f"From {low} to {high}."
    return Shape(schema, bounds)


def table(
    properties: Mapping[str, Schema],
    *,
    required: Collection[str] = (),
    patterns: Mapping[str, Schema] | None = None,
    others: Schema | None = None,
) -> Schema:
    """A table. Names that are not listed are refused, unless `others` says what they hold."""
    schema: Schema = {"type": "object"}
    if properties:
        schema["properties"] = dict(properties)
    if patterns:
        schema["patternProperties"] = dict(patterns)
    schema["additionalProperties"] = False if others is None else others
    if required:
        schema["required"] = list(required)
    return schema


def anchored(pattern: re.Pattern[str], *, empty: bool = False) -> str:
    """The pattern as ECMA 262 has it, for a whole text."""
    # A quote and a slash need no backslash, and with the flag `u` may have none.
    written = pattern.pattern.replace('\\"', '"')
    if pattern.flags & re.IGNORECASE:
        raise ValueError(f"JSON Schema cannot ignore case: {written}")
    return f"^(?:{written})?$" if empty else f"^(?:{written})$"
