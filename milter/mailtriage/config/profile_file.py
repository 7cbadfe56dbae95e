"""profile.toml: read and checked, every mistake with its line.

The format is described in docs/helpdesks.md. What a profile may send is linted in
`tags.profile_checks`, where skills and the organisation's own words are known.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from mailtriage.config.facts import (
    BY_SKILL,
    CLOSED,
    FACTS,
    LANGUAGE,
    ROUTE,
    SKILL,
    placeholders,
)
from mailtriage.config.profiles import DEFAULT_WORD, NAME, NUMBER, Emit, Profile
from mailtriage.shipped import shipped_directory
from mailtriage.toml_source import (
    Problem,
    SourceError,
    TableReader,
    did_you_mean,
    read_source,
    show,
)

FILE: Final = "profile.toml"

_Choice = TypeVar("_Choice", bound=str)

PROFILE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ENTRY_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")
FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
_STRIP: Final = re.compile(r"\*[A-Za-z0-9_-]{2,48}|[A-Za-z][A-Za-z0-9_-]{1,48}\*?")
_VERSION: Final = re.compile(r"\d{1,5}(?:\.\d{1,5}){0,3}")
_MESSAGE_ID: Final = re.compile(r"[!-~]{3,100}")
_SKILL: Final = re.compile(r"[a-z0-9_-]{1,64}")
_MAX_TOKEN: Final = 80


def shipped_profiles() -> dict[str, Path]:
    """The file of each profile that comes with mailtriage, by name."""
    try:
        places = sorted(shipped_directory("config").glob(f"helpdesks/*/{FILE}"))
    except FileNotFoundError:
        return {}
    return {place.parent.name: place for place in places}


@lru_cache(maxsize=64)
def shipped_profile(name: str) -> Profile | None:
    """A shipped profile; None when there is none of that name.

    Raises SourceError when it is broken, which a test of ours excludes.
    """
    file = shipped_profiles().get(name)
    return read_profile(name, file) if file else None


def read_profile(name: str, file: Path) -> Profile:
    """Read a profile.toml. Raises SourceError with every problem in it."""
    source = read_source(file)
    problems: list[Problem] = []
    root = TableReader(source, problems)
    base = _base(root)
    profile = _profile(root, name, base)
    root.finish()
    if problems:
        raise SourceError(tuple(sorted(problems)))
    return profile


def version(text: str) -> tuple[int, ...]:
    """ "6.6" as numbers that can be compared; empty for an empty text. Raises ValueError."""
    if text and not _VERSION.fullmatch(text):
        raise ValueError(f'"{text}" is no version')
    return tuple(int(part) for part in text.split(".")) if text else ()


def _base(root: TableReader) -> Profile:
    name = root.text("base", "", empty=True)
    if not name:
        return Profile("")
    found = shipped_profile(name)
    if found is None:
        known = shipped_profiles()
        root.problem("base", f"there is no helpdesk profile '{name}'", did_you_mean(name, known))
    return found or Profile("")


def _profile(root: TableReader, name: str, base: Profile) -> Profile:
    mailbox = root.table("mailbox")
    inbound = root.table("inbound")
    pipe = root.table("pipe")
    emit = root.table("emit")
    entries = {each.name: each for each in base.emits}
    for entry in emit.names():
        entries[entry] = _emit(emit, entry)
    profile = Profile(
        name=name,
        title=root.text("title", base.title) if base.name else root.text("title"),
        tested=_choice(root, "tested", base.tested, ("product", "source", "documentation")),
        versions=root.text("versions", base.versions, empty=True),
        routing=_choice(root, "routing", base.routing, ("headers", "recipient", "pipe")),
        encoded_words=root.boolean("encoded_words", base.encoded_words),
        metacharacters=root.boolean("metacharacters", base.metacharacters),
        ack=_choice(mailbox, "ack", base.ack, ("send", "delegate", "deferred", "off")),
        subject_style=_choice(mailbox, "subject_style", base.subject_style, ("marker", "re")),
        repair=_choice(mailbox, "repair", base.repair, ("off", "headers")),
        strip=inbound.texts("strip", base.strip, pattern=_STRIP),
        header_checks=inbound.texts("header_checks", base.header_checks, pattern=_STRIP),
        subject_tokens=_subject_tokens(inbound, base.subject_tokens),
        message_ids=inbound.texts("message_ids", base.message_ids, pattern=_MESSAGE_ID),
        silence=_silence(root, base.silence),
        emits=tuple(entries.values()),
        pipe=pipe.texts("command", base.pipe),
    )
    for table in (mailbox, inbound, pipe):
        table.finish()
    _check_pipe(pipe, profile)
    return profile


def _choice(
    table: TableReader, key: str, default: _Choice, choices: tuple[_Choice, ...]
) -> _Choice:
    value = table.text(key, default, choices=choices)
    return next((choice for choice in choices if choice == value), default)


def _silence(root: TableReader, base: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if not root.has("silence"):
        return base
    table = root.table("silence")
    fields = []
    for name in table.names():
        if not FIELD_NAME.fullmatch(name):
            table.problem(name, f"{show(name)} is not the name of a header field")
        fields.append((name, table.text(name)))
    return tuple(fields)


def _subject_tokens(table: TableReader, base: tuple[str, ...]) -> tuple[str, ...]:
    tokens = table.texts("subject_tokens", base)
    for number, token in enumerate(tokens):
        where = ("subject_tokens", number)
        if NUMBER not in token:
            table.problem(where, f"{show(token)} has no {NUMBER}")
        if len(token) > _MAX_TOKEN or not token.isprintable():
            table.problem(where, f"at most {_MAX_TOKEN} printable characters")
        if token.count(NAME) > 1 or token.count(NUMBER) > 1:
            table.problem(where, f"{NAME} and {NUMBER} stand there once at most")
        if not token.replace(NUMBER, "").replace(NAME, "").strip():
            table.problem(where, f"{show(token)} would be any number")
    return tokens


def _emit(emit: TableReader, name: str) -> Emit:
    table = emit.table(name)
    if not ENTRY_NAME.fullmatch(name):
        emit.problem(name, f"{show(name)} does not fit {ENTRY_NAME.pattern}")
    fact = table.text("from", "", choices=FACTS, empty=True)
    value = table.text("value", "{}")
    unmapped = table.text("unmapped", "error", choices=("error", "leave-out"))
    _check_value(table, value, fact)
    since: tuple[int, ...] = ()
    try:
        since = version(table.text("since", "", empty=True))
    except ValueError as error:
        table.problem("since", str(error), 'write "6.6"')
    words = read_words(table.table("map"), fact)
    if table.has("map") and not fact:
        table.problem("map", "there is no fact to map", 'name one in "from"')
    found = Emit(
        name=name,
        header=table.text("header", "", pattern=FIELD_NAME, empty=True),
        fact=fact,
        words=words,
        needs_map=table.boolean("needs_map", default=False),
        leaves_out=unmapped == "leave-out",
        value=value,
        since=since,
    )
    table.finish()
    return found


def _check_value(table: TableReader, value: str, fact: str) -> None:
    try:
        names = placeholders(value)
    except ValueError as error:
        table.problem("value", str(error), "write '{{' and '}}' for braces")
        return
    for name in names:
        if name and name not in FACTS:
            table.problem("value", f"there is no fact '{name}'", did_you_mean(name, FACTS))
    if "" in names and not fact:
        table.problem("from", "required, as the value has a {}")
    if not names:
        table.problem("value", "the same for every mail", "name a fact in braces")


def read_words(table: TableReader, fact: str) -> dict[str, str]:
    """A map from values of a fact to words; what is no value of the fact is reported."""
    words = {}
    for key in table.names():
        word = table.text(key, "")
        problem = key_problem(fact, key)
        if problem:
            table.problem(key, *problem)
        elif not word.isprintable():
            table.problem(key, f"{show(word)} has characters that cannot be printed")
        elif word:
            words[key] = word
    return words


def key_problem(fact: str, key: str) -> tuple[str, str] | None:
    """What is wrong with a key of a map of that fact, and what was probably meant."""
    if key == DEFAULT_WORD or not fact:
        return None
    if fact in CLOSED:
        known = (*CLOSED[fact], DEFAULT_WORD)
        if key not in known:
            return f"'{key}' is no {fact}", did_you_mean(key, known) or f"one of {', '.join(known)}"
    elif fact == "language" and not LANGUAGE.fullmatch(key):
        return f"'{key}' is no language", 'write "de"'
    elif fact in BY_SKILL and not _SKILL.fullmatch(key):
        form = "a skill, or skill-language" if fact == ROUTE else f"a {SKILL}"
        return f"'{key}' is not {form}", 'write "billing-de"' if fact == ROUTE else ""
    return None


def _check_pipe(table: TableReader, profile: Profile) -> None:
    known = (*(emit.name for emit in profile.emits), *FACTS)
    for number, argument in enumerate(profile.pipe):
        try:
            names = placeholders(argument)
        except ValueError as error:
            table.problem(("command", number), str(error))
            continue
        for name in (name.partition(":")[0] for name in names):
            if name not in known:
                what = f"there is no entry and no fact '{name}'"
                table.problem(("command", number), what, did_you_mean(name, known))
