"""Reading the tests that stand in policy files, and checking what they expect."""

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Final

from mailtriage.policies.model import FACET_VALUES, LANGUAGE_CODE, PolicyTest
from mailtriage.toml_source import Problem, TableReader, did_you_mean

NO_TOPIC: Final = "none"

_NAMES: Final = ("skill", "not_skill", "topic", "language")
_LISTS: Final = ("skills", "signals", "not_signals")
_EXPECT: Final = (*_NAMES, *_LISTS, *FACET_VALUES)


@dataclass(frozen=True, slots=True)
class Known:
    """The names that an expectation may use."""

    skills: frozenset[str]
    signals: frozenset[str]
    topics: frozenset[str]

    def of(self, key: str) -> Set[str] | None:
        """The names that may stand under a key of `expect`; None when any may."""
        match key:
            case "skill" | "not_skill" | "skills":
                return self.skills
            case "signals" | "not_signals":
                return self.signals
            case "topic":
                return self.topics | {NO_TOPIC}
            case _:
                return None


def read_test(table: TableReader) -> PolicyTest:
    """Read one [[test]]; what is wrong with it becomes a problem of the table's file."""
    test = PolicyTest(
        name=table.text("name"),
        file=table.source.file,
        line=table.line(),
        subject=table.text("subject", "", empty=True),
        body=table.text("body", "", empty=True),
        language=table.text("language", "", pattern=LANGUAGE_CODE, empty=True),
        sender=table.text("sender", "", empty=True),
        recipient=table.text("recipient", "", empty=True),
        headers=_headers(table),
        attachments=table.texts("attachments", ()),
        expect=_expectations(table),
    )
    table.finish()
    return test


def _headers(table: TableReader) -> tuple[tuple[str, str], ...]:
    reader = table.table("headers")
    return tuple((name, reader.text(name, empty=True)) for name in reader.names())


def _expectations(table: TableReader) -> dict[str, tuple[str, ...]]:
    reader = table.table("expect")
    if not reader.names():
        hint = 'write expect = { skill = "billing" }'
        table.problem("expect" if table.has("expect") else None, "expects nothing", hint)
    expect: dict[str, tuple[str, ...]] = {}
    for key in reader.names():
        if key in _LISTS:
            expect[key] = reader.texts(key)
        elif key in _EXPECT:
            expect[key] = (reader.text(key, choices=FACET_VALUES.get(key)),)
        else:
            reader.problem(key, "unknown key", did_you_mean(key, _EXPECT))
    return expect


def check_expectations(
    test: PolicyTest, in_force: Known, ever: Known, problems: list[Problem]
) -> PolicyTest:
    """The test without what it expects of policies that are switched off or were replaced.

    A name that is in no file that was read (`ever`) is added to `problems`.
    """
    expect: dict[str, tuple[str, ...]] = {}
    for key, names in test.expect.items():
        known, ever_known = in_force.of(key), ever.of(key)
        if known is None or ever_known is None:
            expect[key] = names
            continue
        for name in names:
            if name and name not in ever_known:
                what = f"test '{test.name}' expects '{name}', which does not exist"
                hint = did_you_mean(name, known)
                problems.append(Problem(test.file, test.line, f"expect.{key}", what, hint))
        kept = tuple(name for name in names if name in known)
        if kept:
            expect[key] = kept
    return test if expect == test.expect else replace(test, expect=expect)
