"""JSON Schema of profile.toml. `config.profile_file` decides; a test holds each key to it."""

import re
from typing import Final, get_args

from mailtriage.config.facts import CLOSED, FACTS
from mailtriage.config.mailboxes import AckMode
from mailtriage.config.profile_file import ENTRY_NAME, FIELD_NAME, PROFILE_NAME
from mailtriage.config.profiles import DEFAULT_WORD, NUMBER, Evidence, Routing
from mailtriage.reference.shapes import DRAFT, Schema, anchored, array, string, table

TITLE: Final = "mailtriage helpdesk profile"

_STRIP: Final = re.compile(r"\*[A-Za-z0-9_-]{2,48}|[A-Za-z][A-Za-z0-9_-]{1,48}\*?")
_VERSION: Final = re.compile(r"\d{1,5}(?:\.\d{1,5}){0,3}")
_MESSAGE_ID: Final = re.compile(r"[!-~]{3,100}")
_FIELD: Final = string(pattern=FIELD_NAME, empty=True).schema
_ANY_TEXT: Final = string(empty=True).schema


def profile_schema() -> Schema:
    """The schema. Without `base` a profile needs a title."""
    head: Schema = {
        "$schema": DRAFT,
        "title": TITLE,
        "description": "What one helpdesk reads, believes and answers: docs/helpdesks.md.",
    }
    keys = {
        "base": string(pattern=PROFILE_NAME, empty=True).schema
        | _about("The shipped profile that this one changes."),
        "title": string().schema,
        "tested": string(choices=get_args(Evidence)).schema
        | _about("On what its statements rest."),
        "versions": _ANY_TEXT,
        "routing": string(choices=get_args(Routing)).schema
        | _about("How mail gets into the right queue."),
        "encoded_words": {"type": "boolean"}
        | _about("The helpdesk decodes RFC 2047: values may go beyond ASCII."),
        "metacharacters": {"type": "boolean"}
        | _about("Values may hold what means something in patterns."),
        "mailbox": table(
            {
                "ack": string(choices=get_args(AckMode)).schema,
                "subject_style": string(choices=("marker", "re")).schema,
                "repair": string(choices=("off", "headers")).schema,
            }
        )
        | _about("Defaults of the mailboxes with this profile."),
        "inbound": _inbound(),
        "silence": table({}, patterns={anchored(FIELD_NAME): string().schema})
        | _about("Fields by which the helpdesk leaves acknowledging to us."),
        "emit": table({}, patterns={anchored(ENTRY_NAME): _emit()}),
        "pipe": table({"command": array(string()).schema})
        | _about("Command and arguments for `mailtriage pipe`."),
    }
    based = {"required": ["base"], "properties": {"base": {"minLength": 1}}}
    return head | table(keys) | {"anyOf": [{"required": ["title"]}, based]}


def _inbound() -> Schema:
    names = array(string(pattern=_STRIP)).schema
    token: Schema = {"type": "string", "pattern": re.escape(NUMBER), "maxLength": 80}
    return table(
        {
            "strip": names | _about("Fields that are deleted from inbound mail."),
            "header_checks": names | _about("Of these, what Postfix removes as well."),
            "subject_tokens": {"type": "array", "items": token}
            | _about("How ticket numbers stand in subjects: [desk #{number}]."),
            "message_ids": array(string(pattern=_MESSAGE_ID)).schema
            | _about("What Message-IDs of its own mail look like."),
        }
    )


def _emit() -> Schema:
    keys = {
        "header": _FIELD | _about("The field that carries the word."),
        "from": string(choices=FACTS, empty=True).schema | _about("The fact."),
        "value": string().schema | {"default": "{}"} | _about("The text around the word."),
        "map": {"type": "object", "additionalProperties": string().schema},
        "needs_map": {"type": "boolean", "default": False},
        "unmapped": string(choices=("error", "leave-out")).schema | {"default": "error"},
        "since": string(pattern=_VERSION, empty=True).schema,
    }
    fact: Schema = {"required": ["from"], "properties": {"from": {"minLength": 1}}}
    # `{}` is the word of the fact; `{{` and `}}` are braces.
    no_word: Schema = {"value": {"not": {"pattern": r"(?:^|[^{])\{\}"}}}
    return table(keys) | {
        "dependencies": {"map": fact},
        "allOf": [
            {"anyOf": [fact, {"required": ["value"], "properties": no_word}]},
            {"anyOf": [*map(_mapping, CLOSED), _free()]},
        ],
    }


def _mapping(fact: str) -> Schema:
    """An entry for a fact of a few words: its map has no others."""
    words = {word: string().schema for word in (*CLOSED[fact], DEFAULT_WORD)}
    return {"required": ["from"], "properties": {"from": {"enum": [fact]}, "map": table(words)}}


def _free() -> Schema:
    return {"not": {"required": ["from"], "properties": {"from": {"enum": list(CLOSED)}}}}


def _about(text: str) -> Schema:
    return {"description": text}
