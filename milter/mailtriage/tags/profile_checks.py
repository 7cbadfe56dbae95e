"""What only shows when a profile, the skills and the organisation's own words are seen together.

A helpdesk takes a value that it does not know for none, and says nothing: Znuny and Zammad file the
mail in their default queue. So everything that could be sent is looked at before anything is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mailtriage.config.facts import BY_SKILL, CLOSED, FACTS, LANGUAGE, ROUTE
from mailtriage.config.profiles import DEFAULT_WORD, Emit, Profile
from mailtriage.tags.lint import lint
from mailtriage.tags.native import encoded, value_of
from mailtriage.toml_source import did_you_mean

_SAMPLE: Final = dict.fromkeys(FACTS, "x")
_METACHARACTERS: Final = frozenset("|.+*()[]{}^$?\\")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that is wrong with an entry of a profile."""

    entry: str
    key: str
    """Of its map; empty: the entry as a whole."""
    what: str
    hint: str = ""


def check_profile(profile: Profile, skills: Sequence[str]) -> list[Doubt]:
    """Everything that must not be sent, or not silently left out.

    `skills`: all that a mail to the mailboxes of this profile can get, "general" included.
    """
    found: list[Doubt] = []
    for emit in (*profile.sent, *_pipe_entries(profile)):
        found += _without_word(emit, skills)
        found += _unknown_keys(emit, skills)
        found += _unsendable(profile, emit)
    return found


def metacharacters(profile: Profile) -> list[Doubt]:
    """Values of a shipped profile that would mean something else in a filter's pattern."""
    return [
        Doubt(emit.name, key, f"'{value}' means something else in a pattern")
        for emit in profile.emits
        for key, value in _values(emit)
        if _METACHARACTERS & set(value) and not profile.metacharacters
    ]


def _pipe_entries(profile: Profile) -> Iterator[Emit]:
    return (emit for emit in profile.emits if not emit.header and emit.words)


def _without_word(emit: Emit, skills: Sequence[str]) -> Iterator[Doubt]:
    if emit.leaves_out or not emit.words or DEFAULT_WORD in emit.words:
        return
    for word in skills if emit.fact in BY_SKILL else CLOSED.get(emit.fact, ()):
        if not emit.word(word):
            kind = "skill" if emit.fact in BY_SKILL else emit.fact
            what = f"the {kind} '{word}' has no word"
            yield Doubt(emit.name, "", what, f"add {word} or {DEFAULT_WORD}")
    if emit.fact not in CLOSED and emit.fact not in BY_SKILL:
        yield Doubt(emit.name, "", f"not every {emit.fact} has a word", f"add {DEFAULT_WORD}")


def _unknown_keys(emit: Emit, skills: Sequence[str]) -> Iterator[Doubt]:
    if emit.fact not in BY_SKILL:
        return
    for key in emit.words:
        fault = unknown_route(key, skills, with_language=emit.fact == ROUTE)
        if fault:
            yield Doubt(emit.name, key, *fault)


def unknown_route(
    key: str, skills: Sequence[str], *, with_language: bool = True
) -> tuple[str, str] | None:
    """What is wrong with "skill-language", a skill or "default" as a key, and what was meant."""
    if key == DEFAULT_WORD or key in skills:
        return None
    skill, _, language = key.rpartition("-")
    if with_language and skill in skills and LANGUAGE.fullmatch(language):
        return None
    meant = did_you_mean(skill or key, skills) or f"one of {', '.join(skills)}"
    return f"there is no skill '{skill or key}'", meant


def _unsendable(profile: Profile, emit: Emit) -> Iterator[Doubt]:
    for key, value in _values(emit):
        if not value.isascii() and not profile.encoded_words and emit.header:
            what = f"'{value}' is not ASCII, and this helpdesk does not decode what is not"
            yield Doubt(emit.name, key, what, "give the queue a name, or an alias, in ASCII")
            continue
        name = emit.header or "X-Pipe"
        for fault in lint(name, encoded(profile, value), ours=False):
            yield Doubt(emit.name, key, f"'{value}': {fault}")


def _values(emit: Emit) -> Iterable[tuple[str, str]]:
    """Key of the map and the value that comes of it, with samples for other facts."""
    if not emit.words:
        if not emit.needs_map:
            sample = "u" if emit.fact == "priority" else "x"  # as all words of ours do begin
            yield "", value_of(emit, {**_SAMPLE, emit.fact: sample})
        return
    for key, word in emit.words.items():
        yield key, value_of(replace(emit, words={DEFAULT_WORD: word}), _SAMPLE)
