"""Reading policy files: every mistake in all of them is listed at once, with its line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import regex

from mailtriage.policies.model import (
    FACETS,
    GENERAL,
    PLACES,
    AttachmentCondition,
    HeaderCondition,
    Near,
    Policies,
    Policy,
    PolicyTest,
    Signal,
)
from mailtriage.toml_source import Problem, SourceError, TableReader, did_you_mean, read_source

FORMAT: Final = 1

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_LANGUAGE: Final = re.compile(r"any|[a-z]{2,3}(-[a-z0-9]{2,8})*")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_KINDS_OF_SIGNAL: Final = ("words", "near", "regex", "header", "recipient", "sender", "attachment")
_MAX_PHRASE: Final = 100
_LEVELS: Final = {
    "priority": ("urgent", "high", "normal"),
    "mood": ("positive", "negative"),
    "churn": ("high", "medium"),
    "kind": ("machine", "bounce", "list"),
    "thread": ("chaser",),
}
_ADJUST: Final = (
    "tier-vip",
    "tier-gold",
    "churn-high",
    "churn-medium",
    "mood-negative",
    "mood-positive",
    "thread-chaser",
    "thread-reply",
    "marked-urgent",
    "marked-high",
    "marked-low",
)
_EXPECT: Final = (
    "skill",
    "not_skill",
    "skills",
    "topic",
    "priority",
    "mood",
    "churn",
    "kind",
    "thread",
    "language",
    "signals",
    "not_signals",
)


class PolicyError(Exception):
    """Policies that must not be used; holds every problem of every file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = tuple(problems)


def load_policies(
    directories: Sequence[Path], *, disable: Iterable[str] = ()
) -> tuple[Policies, tuple[Problem, ...]]:
    """Read every `*.toml` below the directories; a later policy of the same name replaces an earlier.

    `disable` names skills that are left out. Returns the policies and the warnings.
    Raises PolicyError with all problems when there is one that is not a warning.
    """
    problems: list[Problem] = []
    by_name: dict[tuple[bool, str], Policy] = {}
    for directory in directories:
        seen: dict[tuple[bool, str], str] = {}
        for file in sorted(directory.rglob("*.toml")):
            policy = read_policy(file, problems)
            if policy is None:
                continue
            key = (policy.is_skill, policy.name)
            if key in seen:
                what = f"'{policy.name}' has a policy already, in {seen[key]}"
                problems.append(Problem(str(file), 1, "skill" if key[0] else "facet", what))
            seen[key] = str(file)
            by_name[key] = policy
    for name in disable:
        by_name.pop((True, name), None)
    policies = Policies(
        skills=tuple(by_name[key] for key in sorted(by_name) if key[0]),
        facets={name: policy for (is_skill, name), policy in by_name.items() if not is_skill},
    )
    problems += _check_together(policies)
    if any(not problem.warning for problem in problems):
        raise PolicyError(sorted(problems))
    return policies, tuple(sorted(problems))


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
    name = table.text("skill", pattern=_NAME) if is_skill else table.text("facet", choices=FACETS)
    if name == GENERAL:
        table.problem("skill", f"'{GENERAL}' is the skill of mails that no policy claims")
    policy = Policy(
        file=str(file),
        name=name,
        is_skill=is_skill,
        description=table.text("description", "", empty=True),
        threshold=table.number("threshold", 3.0, 0.1, 100.0) if is_skill else 0.0,
        margin=table.number("margin", 0.5, 0.0, 100.0) if is_skill else 0.0,
        base=table.number("base", 40.0, 0.0, 100.0) if name == "priority" else 0.0,
        levels={} if is_skill else _levels(table, name),
        adjust=_adjust(table) if name == "priority" and not is_skill else {},
        signals=tuple(_signal(entry, name) for entry in table.tables("signal")),
        tests=tuple(_test(entry) for entry in table.tables("test")),
    )
    if not policy.signals:
        table.problem(None, f"'{name}' has no [[signal]]", "a policy without signals never applies")
    if is_skill and not policy.tests:
        hint = "a [[test]] shows that the policy does what it is meant to do"
        table.problem(None, "no tests", hint, warning=True)
    table.finish()
    return policy


def _levels(table: TableReader, facet: str) -> dict[str, float]:
    reader = table.table("levels")
    levels = {name: reader.number(name) for name in _LEVELS[facet]}
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


def _signal(table: TableReader, policy: str) -> Signal:
    given = [key for key in _KINDS_OF_SIGNAL if table.has(key)]
    if len(given) != 1:
        found = f"found {' and '.join(given)}" if given else "found none"
        table.problem(None, f"a signal has exactly one of {', '.join(_KINDS_OF_SIGNAL)}; {found}")
    weight = table.number("weight", low=-100.0, high=100.0)
    if table.has("weight") and weight == 0:
        table.problem("weight", "a weight of 0 says nothing")
    signal = Signal(
        id=table.text("id", pattern=_NAME),
        weight=weight,
        max_hits=table.integer("max_hits", 1, 1, 20),
        where=frozenset(table.texts("where", ("subject", "body"), choices=PLACES)),
        topic=table.text("topic", "", pattern=_NAME, empty=True),
        floor=table.integer("floor", 0, 0, 100) if policy == "priority" else 0,
        kind=table.text("kind", choices=_LEVELS["kind"]) if policy == "kind" else "",
        words=_words(table) if "words" in given else {},
        near=_near(table) if "near" in given else {},
        within=table.integer("within", 5, 0, 50),
        regex=_pattern(table) if "regex" in given else "",
        guard=_guard(table),
        header=_header(table) if "header" in given else None,
        recipient=table.texts("recipient", ()),
        sender=table.texts("sender", ()),
        attachment=_attachment(table) if "attachment" in given else None,
    )
    if table.has("guard") and not signal.regex:
        table.problem("guard", "only a 'regex' signal has a guard")
    if signal.regex and not table.has("guard"):
        hint = (
            'name what stands in every mail that it matches: guard = ["iban"] or ["!!"]; '
            "guard = [] says that it is meant to be tried on every mail"
        )
        table.problem("regex", "has no guard", hint, warning=True)
    table.finish()
    return signal


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
    if not _LANGUAGE.fullmatch(language):
        hint = "a BCP 47 code in lower case, or 'any'"
        reader.problem(language, f"'{language}' is no language code", hint)
    elif language == "no":
        reader.problem(language, "Norwegian is written 'nb' (or 'nn')")


def _phrases(table: TableReader, key: str) -> tuple[str, ...]:
    phrases = table.texts(key)
    if table.has(key) and not phrases:
        table.problem(key, "empty list")
    seen: set[str] = set()
    for number, phrase in enumerate(phrases):
        wrong = phrase_fault(phrase)
        if wrong:
            table.problem((key, number), f"'{phrase}': {wrong}")
        if phrase.lower() in seen:
            table.problem((key, number), f"'{phrase}' stands here twice", warning=True)
        seen.add(phrase.lower())
    return tuple(phrase for phrase in phrases if not phrase_fault(phrase))


def phrase_fault(phrase: str) -> str:
    """What is wrong with a phrase; empty when nothing is."""
    if len(phrase) > _MAX_PHRASE:
        return f"longer than {_MAX_PHRASE} characters"
    if phrase != " ".join(phrase.split()):
        return "words are split by one blank, with none at the ends"
    for word in phrase.split():
        stem = word.strip("*")
        if "*" in stem or "**" in word:
            return "a * stands at the start or the end of a word"
        letters = sum(character.isalnum() for character in stem)
        if not letters and "*" in word:
            return "a * needs letters beside it"
        if "*" in word and letters < 2:
            return "a * after one letter hits nearly every mail"
    if sum(character.isalnum() for character in phrase) < 2:
        return "too short: it would hit nearly every mail"
    if phrase.startswith("*") and sum(map(str.isalnum, phrase)) < 3:
        return "too short for a leading *"
    return ""


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
    if compiled.match("") is not None:
        table.problem("regex", "matches the empty text, and so every mail")
        return ""
    return pattern


def _header(table: TableReader) -> HeaderCondition:
    reader = table.table("header")
    condition = HeaderCondition(
        name=reader.text("name", pattern=_FIELD_NAME),
        present=reader.boolean("present", True),  # noqa: FBT003  a default, not a flag
        contains=reader.texts("contains", ()),
    )
    reader.finish()
    return condition


def _attachment(table: TableReader) -> AttachmentCondition:
    reader = table.table("attachment")
    condition = AttachmentCondition(reader.texts("type", ()), reader.texts("name", ()))
    if not condition.types and not condition.names:
        table.problem("attachment", "needs a 'type' or a 'name'")
    reader.finish()
    return condition


def _test(table: TableReader) -> PolicyTest:
    expect = table.table("expect")
    expected: dict[str, Any] = {}
    for key in expect.names():
        if key in ("skills", "signals", "not_signals"):
            expected[key] = expect.texts(key)
        elif key in _EXPECT:
            expected[key] = expect.text(key)
        else:
            expect.problem(key, "unknown key", did_you_mean(key, _EXPECT))
    if not expected and table.has("expect"):
        table.problem("expect", "expects nothing")
    test = PolicyTest(
        name=table.text("name"),
        file=table.source.file,
        line=table.line(),
        subject=table.text("subject", "", empty=True),
        body=table.text("body", "", empty=True),
        language=table.text("language", "", pattern=_LANGUAGE, empty=True),
        sender=table.text("sender", "", empty=True),
        recipient=table.text("recipient", "", empty=True),
        headers=_test_headers(table),
        attachments=table.texts("attachments", ()),
        expect=expected,
    )
    table.finish()
    return test


def _test_headers(table: TableReader) -> tuple[tuple[str, str], ...]:
    reader = table.table("headers")
    return tuple((name, reader.text(name, empty=True)) for name in reader.names())


def _check_together(policies: Policies) -> list[Problem]:
    """What only shows when all files are seen: ids used twice, tests that expect what is not there."""
    problems = []
    owner: dict[str, str] = {}
    for policy in policies.all():
        for number, signal in enumerate(policy.signals):
            if signal.id and signal.id in owner:
                what = f"'{signal.id}' is used already, in {owner[signal.id]}"
                path = f"signal[{number}].id"
                problems.append(
                    Problem(policy.file, 1, path, what, "ids are unique over all files")
                )
            owner[signal.id] = policy.file
    skills = {policy.name for policy in policies.skills} | {GENERAL}
    for policy in policies.all():
        for test in policy.tests:
            problems += _check_expectations(test, skills, owner)
    return problems


def _check_expectations(
    test: PolicyTest, skills: set[str], signals: Mapping[str, str]
) -> list[Problem]:
    problems = []
    for key, known in (
        ("skill", skills),
        ("not_skill", skills),
        ("skills", skills),
        ("signals", signals),
        ("not_signals", signals),
    ):
        value = test.expect.get(key, ())
        for name in (value,) if isinstance(value, str) else value:
            if name not in known:
                what = f"test '{test.name}' expects '{name}', which does not exist"
                hint = did_you_mean(name, known)
                # A skill that is switched off takes its tests' neighbours along: say so, do not fail.
                problems.append(
                    Problem(test.file, test.line, f"expect.{key}", what, hint, warning=True)
                )
    return problems
