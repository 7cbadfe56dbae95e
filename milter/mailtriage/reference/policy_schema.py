"""JSON Schema of policy files. `policies.read` decides; a test holds each key and word to it."""

import re
from collections.abc import Iterable
from typing import Final

from mailtriage.policies.model import FACET_VALUES, FACETS, LANGUAGE_CODE, PLACES
from mailtriage.policies.phrases import ANY
from mailtriage.reference.shapes import DRAFT, Schema, array, number, string, table

TITLE: Final = "mailtriage policy"

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")

LEVELS: Final = {
    "priority": ("urgent", "high", "normal"),
    "mood": ("positive", "negative"),
    "churn": ("high", "medium"),
    "kind": ("machine", "bounce", "list"),
    "thread": ("chaser",),
}
"""The levels of each facet: its words but for the one that needs no sum."""

_TEXT: Final = string().schema
_ANY_TEXT: Final = string(empty=True).schema
_TEXTS: Final = array(string()).schema
_SOME: Final[Schema] = _TEXTS | {"minItems": 1}
_LANGUAGE: Final = f"^(?:{LANGUAGE_CODE.pattern}|{ANY})$"
_FACTORS: Final = (
    ("tier", ("vip", "gold", "standard", "unknown")),
    *((facet, FACET_VALUES[facet]) for facet in ("churn", "mood", "thread")),
    ("marked", FACET_VALUES["priority"]),
)


def policy_schema() -> Schema:
    """The schema. What is the same for all policies stands in front, so that an editor can name
    the very key that is wrong; what a skill or one of the facets may have is in `oneOf`."""
    head: Schema = {
        "$schema": DRAFT,
        "title": TITLE,
        "description": "Rules of mailtriage for one skill or facet, mailtriage-policy(5).",
    }
    kinds = [_variant(""), *map(_variant, FACETS)]
    return head | table(_keys(), required=("signal",)) | {"oneOf": kinds}


def _keys() -> dict[str, Schema]:
    number_ = number("number", None, None).schema
    factors = {f"{name}-{value}": number_ for name, values in _FACTORS for value in values}
    return {
        "format": {"type": "integer", "enum": [1]},
        "skill": string(pattern=_NAME).schema
        | {"not": {"enum": ["general"]}}
        | _about("The skill, as X-Mailtriage-Skill has it."),
        "facet": string(choices=FACETS).schema | _about("The facet that the signals feed."),
        "description": _ANY_TEXT,
        "threshold": number("number", 0.1, 100.0).schema
        | {"default": 3.0}
        | _about("The skill applies when its signals add up to this."),
        "margin": number("number", 0.0, 100.0).schema
        | {"default": 0.5}
        | _about("It is the skill of the mail when it leads the next by this."),
        "base": number("number", 0.0, 100.0).schema
        | {"default": 40.0}
        | _about("Facet priority: where a mail starts."),
        "levels": {"type": "object", "additionalProperties": number_}
        | _about("From which sum on a word applies."),
        "adjust": table(factors, patterns={"^skill-": number_})
        | _about("Facet priority: points for what the other facets say."),
        "signal": {"type": "array", "items": _signal(), "minItems": 1},
        "test": {"type": "array", "items": _test()},
    }


def _variant(facet: str) -> Schema:
    """What holds for a facet, or (empty) for a skill, beside what holds for all."""
    lacks = ("skill", "threshold", "margin") if facet else ("facet", "levels")
    no_priority = () if facet == "priority" else ("base", "adjust")
    unknown = [("topic", facet), ("floor", facet != "priority"), ("kind", facet != "kind")]
    signal = _without(key for key, absent in unknown if absent)
    if facet == "kind":
        signal["required"] = ["kind"]
    properties: dict[str, Schema] = {"signal": {"items": signal}}
    if facet:
        levels = dict.fromkeys(LEVELS[facet], number("number", None, None).schema)
        properties["facet"] = {"enum": [facet]}
        properties["levels"] = table(levels, required=LEVELS[facet])
    required = ["facet", "levels"] if facet else ["skill"]
    return {"required": required, "properties": properties} | _without((*lacks, *no_priority))


def _without(keys: Iterable[str]) -> Schema:
    return {"not": {"anyOf": [{"required": [key]} for key in keys]}}


def _signal() -> Schema:
    """One [[signal]], with the keys of all policies."""
    kinds: dict[str, Schema] = {
        "words": _words(),
        "near": _near(),
        "regex": _TEXT | _about("A pattern of the regex module, case ignored."),
        "header": table(
            {
                "name": string(pattern=_FIELD_NAME).schema,
                "present": {"type": "boolean", "default": True},
                "contains": _SOME,
            },
            required=("name",),
        ),
        "recipient": _SOME | _about("Globs for an envelope recipient."),
        "sender": _SOME | _about("Globs for the envelope sender or From."),
        "attachment": table({"type": _SOME, "name": _SOME}) | {"minProperties": 1},
    }
    keys: dict[str, Schema] = {
        "id": string(pattern=_NAME).schema | _about("Unique over all files."),
        "weight": number("number", -100.0, 100.0).schema
        | {"not": {"enum": [0]}}
        | _about("Points for each different phrase that is hit."),
        "max_hits": number("integer", 1, 20).schema | {"default": 1},
        "where": array(string(choices=PLACES)).schema
        | {"minItems": 1, "default": ["subject", "body"]},
        "within": number("integer", 0, 50).schema
        | {"default": 5}
        | _about("At most so many words between the two phrases of near."),
        "guard": array(string()).schema
        | _about("The regex is tried only where one of these stands; [] for every mail."),
        "topic": string(pattern=_NAME, empty=True).schema
        | _about("Skills: the topic of the mail when this signal leads."),
        "floor": number("integer", 0, 100).schema
        | _about("Facet priority: the score is at least this when the signal hits."),
        "kind": string(choices=LEVELS["kind"]).schema
        | _about("Facet kind: what the signal speaks for."),
    }
    schema = table(keys | kinds, required=("id", "weight"))
    schema["oneOf"] = [{"required": [kind]} for kind in kinds]
    schema["dependencies"] = {"guard": ["regex"], "within": ["near"]}
    return schema


def _words() -> Schema:
    return _by_language(_SOME) | _about("Phrases by language; * at the end or start of a word.")


def _near() -> Schema:
    pair = table({"a": _SOME, "b": _SOME}, required=("a", "b"))
    return _by_language(pair) | _about("Two groups of phrases that speak only together.")


def _by_language(value: Schema) -> Schema:
    # Norwegian is written nb: no and nn are refused by the program, too.
    excluded = {"not": {"anyOf": [{"required": ["no"]}, {"required": ["nn"]}]}}
    return table({}, patterns={_LANGUAGE: value}) | {"minProperties": 1} | excluded


def _test() -> Schema:
    closed = {facet: string(choices=FACET_VALUES[facet]).schema for facet in FACET_VALUES}
    expect = (
        dict.fromkeys(("skill", "not_skill", "topic", "language"), _TEXT)
        | dict.fromkeys(("skills", "signals", "not_signals"), _TEXTS)
        | closed
    )
    keys = {
        "name": _TEXT,
        "subject": _ANY_TEXT,
        "body": _ANY_TEXT,
        "language": string(pattern=LANGUAGE_CODE, empty=True).schema,
        "sender": _ANY_TEXT,
        "recipient": _ANY_TEXT,
        "headers": table({}, others=_ANY_TEXT),
        "attachments": _TEXTS,
        "expect": table(expect) | {"minProperties": 1},
    }
    return table(keys, required=("name", "expect"))


def _about(text: str) -> Schema:
    return {"description": text}
