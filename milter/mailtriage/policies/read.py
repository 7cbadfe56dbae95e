"""Reading one policy file."""

import itertools
import re
from pathlib import Path
from typing import Final

import regex

from mailtriage.policies.model import (
    FACET_VALUES,
    FACETS,
    GENERAL,
    LANGUAGE_CODE,
    PLACES,
    AttachmentCondition,
    HeaderCondition,
    Near,
    Policy,
    Signal,
)
from mailtriage.policies.phrases import ANY, phrase_fault
from mailtriage.policies.read_tests import read_test
from mailtriage.toml_source import Problem, SourceError, TableReader, read_source

FORMAT: Final = 1

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_KINDS_OF_SIGNAL: Final = ("words", "near", "regex", "header", "recipient", "sender", "attachment")

# The levels of each facet, the highest first.
_LEVELS: Final = {
    "priority": ("urgent", "high", "normal"),
    "mood": ("positive", "negative"),
    "churn": ("high", "medium"),
    "kind": ("machine", "bounce", "list"),
    "thread": ("chaser",),
}
_RANKED: Final = ("priority", "mood", "churn")

_ADJUST: Final = tuple(
    f"{facet}-{value}"
    for facet, values in (
        ("tier", ("vip", "gold", "standard", "unknown")),
        *((facet, FACET_VALUES[facet]) for facet in ("churn", "mood", "thread")),
        ("marked", FACET_VALUES["priority"]),
    )
    for value in values
)
"""What other facets say that the priority may be adjusted for, beside `skill-NAME`."""


def read_policy(file: Path, problems: list[Problem]) -> Policy | None:
    """Read one policy file; what is wrong with it is added to `problems`.

    None when the file is no TOML, or says neither which skill nor which facet it is for.
    """
    try:
        source = read_source(file)
    except SourceError as error:
        problems.extend(error.problems)
        return None
    table = TableReader(source, problems)
    if table.integer("format", FORMAT) != FORMAT:
        table.problem("format", "unknown format", f"this version reads format {FORMAT}")
    is_skill = table.has("skill")
    if is_skill == table.has("facet"):
        table.problem(None, "a policy file has either 'skill' or 'facet'")
        return None
    policy = _skill(table) if is_skill else _facet(table)
    if not policy.signals:
        what = f"'{policy.name}' has no [[signal]]"
        table.problem(None, what, "a policy without signals never applies")
    if is_skill and not policy.tests:
        hint = "a [[test]] shows that the policy does what it is meant to do"
        table.problem(None, "no tests", hint, warning=True)
    table.finish()
    return policy


def _skill(table: TableReader) -> Policy:
    name = table.text("skill", pattern=_NAME)
    if name == GENERAL:
        table.problem("skill", f"'{GENERAL}' is the skill of mails that no policy claims")
    return Policy(
        file=table.source.file,
        line=table.line("skill"),
        name=name,
        is_skill=True,
        description=table.text("description", "", empty=True),
        threshold=table.number("threshold", 3.0, 0.1, 100.0),
        margin=table.number("margin", 0.5, 0.0, 100.0),
        signals=tuple(_signal(entry, "") for entry in table.tables("signal")),
        tests=tuple(map(read_test, table.tables("test"))),
    )


def _facet(table: TableReader) -> Policy:
    name = table.text("facet", choices=FACETS)
    is_priority = name == "priority"
    return Policy(
        file=table.source.file,
        line=table.line("facet"),
        name=name,
        is_skill=False,
        description=table.text("description", "", empty=True),
        base=table.number("base", 40.0, 0.0, 100.0) if is_priority else 0.0,
        levels=_levels(table, name),
        adjust=_adjust(table) if is_priority else {},
        signals=tuple(_signal(entry, name) for entry in table.tables("signal")),
        tests=tuple(map(read_test, table.tables("test"))),
    )


def _levels(table: TableReader, facet: str) -> dict[str, float]:
    if not facet:  # a name that is no facet has been reported; its levels are not known
        table.has("levels")
        return {}
    reader = table.table("levels")
    names = _LEVELS[facet]
    levels = {name: reader.number(name) for name in names}
    if facet in _RANKED and all(map(reader.has, names)):
        for higher, lower in itertools.pairwise(names):
            if levels[higher] <= levels[lower]:
                reader.problem(higher, f"must be above '{lower}'")
    reader.finish()
    return levels


def _adjust(table: TableReader) -> dict[str, float]:
    reader = table.table("adjust")
    adjust = {name: reader.number(name) for name in _ADJUST if reader.has(name)}
    for name in reader.names():
        if name.startswith("skill-"):
            adjust[name] = reader.number(name)
    reader.finish()
    return adjust


def _signal(table: TableReader, facet: str) -> Signal:
    """One [[signal]]; `facet` is the one it feeds, empty for a skill."""
    given = [key for key in _KINDS_OF_SIGNAL if table.has(key)]
    if len(given) != 1:
        found = f"found {' and '.join(given)}" if given else "found none"
        table.problem(None, f"a signal has exactly one of {', '.join(_KINDS_OF_SIGNAL)}; {found}")
    weight = table.number("weight", low=-100.0, high=100.0)
    if table.has("weight") and weight == 0:
        table.problem("weight", "a weight of 0 says nothing")
    signal = Signal(
        id=table.text("id", pattern=_NAME),
        line=table.line("id"),
        weight=weight,
        max_hits=table.integer("max_hits", 1, 1, 20),
        where=frozenset(_some(table, "where", ("subject", "body"), PLACES)),
        topic="" if facet else table.text("topic", "", pattern=_NAME, empty=True),
        floor=table.integer("floor", 0, 0, 100) if facet == "priority" else 0,
        kind=table.text("kind", choices=_LEVELS["kind"]) if facet == "kind" else "",
        words=_words(table) if "words" in given else {},
        near=_near(table) if "near" in given else {},
        within=table.integer("within", 5, 0, 50),
        regex=_pattern(table) if "regex" in given else "",
        guard=_guard(table),
        header=_header(table) if "header" in given else None,
        recipient=_some(table, "recipient"),
        sender=_some(table, "sender"),
        attachment=_attachment(table) if "attachment" in given else None,
    )
    for key, owner in (("guard", "regex"), ("within", "near")):
        if table.has(key) and owner not in given:
            table.problem(key, f"only a '{owner}' signal has '{key}'")
    if signal.regex and not table.has("guard"):
        hint = (
            'name what stands in every mail that it matches: guard = ["iban"] or ["!!"]; '
            "guard = [] says that it is meant to be tried on every mail"
        )
        table.problem("regex", "has no guard", hint, warning=True)
    table.finish()
    return signal


def _some(
    table: TableReader,
    key: str,
    default: tuple[str, ...] = (),
    choices: tuple[str, ...] | None = None,
) -> tuple[str, ...]:
    """Strings, one at least when the key is given: an empty list would never hold."""
    reported = len(table.problems)
    texts = table.texts(key, default, choices=choices)
    if table.has(key) and not texts and len(table.problems) == reported:
        table.problem(key, "empty list")
    return texts


def _words(table: TableReader) -> dict[str, tuple[str, ...]]:
    reader = table.table("words")
    words = {}
    for language in reader.names():
        _check_language(reader, language)
        words[language] = _phrases(reader, language)
    if not words:
        table.problem("words", "no language", 'write words.en = ["invoice*"]')
    reader.finish()
    return words


def _near(table: TableReader) -> dict[str, Near]:
    reader = table.table("near")
    near = {}
    for language in reader.names():
        _check_language(reader, language)
        pair = reader.table(language)
        near[language] = Near(_phrases(pair, "a"), _phrases(pair, "b"))
        pair.finish()
    if not near:
        table.problem("near", "no language", 'write near.en = { a = ["wrong"], b = ["amount*"] }')
    reader.finish()
    return near


def _check_language(reader: TableReader, language: str) -> None:
    if language == ANY:
        return
    if not LANGUAGE_CODE.fullmatch(language):
        hint = f"a code such as 'en' or 'pt', without a region, or '{ANY}'"
        reader.problem(language, f"'{language}' is no language code", hint)
    elif language in ("no", "nn"):
        reader.problem(language, "Norwegian is written 'nb', Nynorsk too")


def _phrases(table: TableReader, key: str) -> tuple[str, ...]:
    given = _some(table, key) if table.has(key) else table.texts(key)
    phrases: dict[str, str] = {}
    for number, phrase in enumerate(given):
        wrong = phrase_fault(phrase)
        if wrong:
            table.problem((key, number), f"'{phrase}': {wrong}")
        elif phrase.lower() in phrases:
            table.problem((key, number), f"'{phrase}' stands here twice", warning=True)
        else:
            phrases[phrase.lower()] = phrase
    return tuple(phrases.values())


def _guard(table: TableReader) -> tuple[str, ...]:
    """Phrases, or strings of punctuation, of which one must stand in the mail."""
    guard = table.texts("guard", ())
    for number, text in enumerate(guard):
        wrong = phrase_fault(text) if any(map(str.isalnum, text)) else ""
        if wrong:
            table.problem(("guard", number), f"'{text}': {wrong}")
    return guard


def _pattern(table: TableReader) -> str:
    pattern = table.text("regex")
    if not pattern:
        return ""
    try:
        compiled = regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        table.problem("regex", f"not a pattern: {error}")
        return ""
    if compiled.search("") is not None:
        table.problem("regex", "matches the empty text, and so every mail")
        return ""
    return pattern


def _header(table: TableReader) -> HeaderCondition:
    reader = table.table("header")
    condition = HeaderCondition(
        name=reader.text("name", pattern=_FIELD_NAME),
        present=reader.boolean("present", True),  # noqa: FBT003  a default, not a flag
        contains=_some(reader, "contains"),
    )
    if condition.contains and not condition.present:
        reader.problem("present", "a field that is absent contains nothing", "drop one of the two")
    reader.finish()
    return condition


def _attachment(table: TableReader) -> AttachmentCondition:
    reader = table.table("attachment")
    condition = AttachmentCondition(_some(reader, "type"), _some(reader, "name"))
    if not reader.has("type") and not reader.has("name"):
        table.problem("attachment", "needs a 'type' or a 'name'")
    reader.finish()
    return condition
