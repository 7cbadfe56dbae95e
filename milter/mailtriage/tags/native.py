"""The native fields of a helpdesk: our facts in the words of its profile."""

from collections.abc import Iterable, Mapping
from email.header import Header
from typing import Final

from mailtriage.config.facts import ROUTE, filled
from mailtriage.config.profiles import Emit, Profile
from mailtriage.tags.vocabulary import PREFIX

Fields = tuple[tuple[str, str], ...]

_FACT_OF_FIELD: Final = {
    f"{PREFIX}-{fact}".lower(): fact
    for fact in (
        "priority",
        "score",
        "language",
        "skill",
        "tier",
        "churn",
        "mood",
        "kind",
        "thread",
        "topic",
        "kb",
        "route",
    )
}
# RFC 2047 section 2: an encoded word has 75 characters at most.
_ENCODED_WORD: Final = 75


def facts_of(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The facts that our own fields state, by the names that profiles call them.

    The words are those of docs/headers.md. What is no field of ours is passed over, so that the
    whole header of a finished mail will do. The first field of a name counts: ours go on top.
    """
    facts: dict[str, str] = {}
    for name, value in fields:
        fact = _FACT_OF_FIELD.get(name.lower())
        if fact is not None:
            facts.setdefault(fact, value)
    return facts


def native_fields(profile: Profile, facts: Mapping[str, str]) -> Fields:
    """(name, value) of every field that the profile adds, ready to be sent.

    `facts` are all of `config.facts.FACTS`. An entry without a word for its fact is left out: an
    invalid value would be filed wrongly, and in silence.
    """
    fields = []
    for emit in profile.sent:
        value = value_of(emit, facts)
        if value:
            fields.append((emit.header, encoded(profile, value)))
    return tuple(fields)


def value_of(emit: Emit, facts: Mapping[str, str]) -> str:
    """What an entry says about a mail, as people would write it; empty when it says nothing."""
    word = word_of(emit, facts)
    if emit.fact and not word:
        return ""
    return word if emit.value == "{}" else filled(emit.value, {**facts, "": word})


def word_of(emit: Emit, facts: Mapping[str, str]) -> str:
    """The helpdesk's word for the fact of an entry; empty when there is none."""
    if not emit.fact:
        return ""
    if emit.fact == ROUTE:
        return emit.routed_word(facts["skill"], facts["language"])
    return emit.word(facts[emit.fact])


def encoded(profile: Profile, value: str) -> str:
    """The value as it goes into a field: beyond ASCII in encoded words, where they are decoded."""
    if value.isascii() or not profile.encoded_words:
        return value
    return Header(value, "utf-8", maxlinelen=_ENCODED_WORD).encode(linesep="")
