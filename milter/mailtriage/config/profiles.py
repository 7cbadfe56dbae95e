"""Helpdesk profiles: what one helpdesk reads, believes and answers, as data.

A profile is a directory of config/helpdesks/; what only an organisation knows (the names of its
queues, the version it runs) comes from its section [profiles.NAME] of the configuration.
`profile_file` reads the first, `profile_sections` lays the second over it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

Routing = Literal["headers", "recipient", "pipe"]
Evidence = Literal["product", "source", "documentation"]

DEFAULT_WORD: Final = "default"
"""Key of a map that stands for all facts without a word of their own."""

NUMBER: Final = "{number}"
NAME: Final = "{name}"


@dataclass(frozen=True, slots=True)
class Emit:
    """[emit.NAME]: one fact in the helpdesk's own words."""

    name: str
    header: str
    """Field that carries the word; empty: it is for `mailtriage pipe` alone."""
    fact: str
    """Which of `tags.facts.FACTS`; empty when `value` names its facts itself. Key: from."""
    words: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Fact to word; empty: the fact is the word. Key: map."""
    needs_map: bool = False
    """Whether the words are the organisation's own: nothing is sent without them."""
    leaves_out: bool = False
    """Whether a fact without a word leads to no field, instead of a refused configuration."""
    value: str = "{}"
    """The text around: `{}` is the word, `{skill}` any fact, `{{` a brace."""
    since: tuple[int, ...] = ()
    """Version of the helpdesk from which on it may be sent; empty: any."""

    def word(self, fact: str) -> str:
        """The helpdesk's word for a fact; empty when there is none."""
        if not self.words:
            return "" if self.needs_map else fact
        return self.words.get(fact) or self.words.get(DEFAULT_WORD, "")

    def routed_word(self, skill: str, language: str) -> str:
        """The word for a route: that of "skill-language", else that of the skill."""
        found = self.words.get(f"{skill}-{language}") or self.words.get(skill)
        return found or self.word(f"{skill}-{language}")


@dataclass(frozen=True)
class Profile:
    """What one helpdesk reads."""

    name: str
    title: str = ""
    tested: Evidence = "documentation"
    """On what its statements rest: the real product, its source, or its documentation."""
    versions: str = ""
    routing: Routing = "headers"
    """How mail gets into the right queue."""
    encoded_words: bool = False
    """Whether the helpdesk decodes RFC 2047 in the fields of `emits`."""
    metacharacters: bool = False
    """Whether values may hold characters that mean something in patterns."""
    ack: Literal["send", "delegate", "deferred", "off"] = "send"
    subject_style: Literal["marker", "re"] = "marker"
    repair: Literal["off", "headers"] = "off"
    """These three: what a mailbox has that does not say otherwise."""
    strip: tuple[str, ...] = ()
    """Fields that are deleted from inbound mail; `*` at either end stands for any rest."""
    header_checks: tuple[str, ...] = ()
    """Those of them that Postfix removes while the milter is down."""
    subject_tokens: tuple[str, ...] = ()
    """How ticket numbers stand in subjects: "[Ticket#{number}]"."""
    message_ids: tuple[str, ...] = ()
    """What Message-IDs of its own mail look like, without angle brackets; `*` is anything."""
    silence: tuple[tuple[str, str], ...] = ()
    """Fields by which the helpdesk leaves out its own acknowledgement of a mail: there must be one
    at most, and none for whom we must not answer."""
    emits: tuple[Emit, ...] = ()
    pipe: tuple[str, ...] = ()
    """Command and arguments for `mailtriage pipe`; empty where there is none."""
    version: tuple[int, ...] = field(default=())
    """Of the helpdesk that is run; empty: not told, so that nothing is sent that needs one."""

    @cached_property
    def sent(self) -> tuple[Emit, ...]:
        """The entries that lead to a header field."""
        return tuple(
            emit
            for emit in self.emits
            if emit.header
            and (emit.words or not emit.needs_map)
            and (not emit.since or (self.version and self.version >= emit.since))
        )

    @cached_property
    def strips(self) -> tuple[str, ...]:
        """Every name that must not come from outside, in lower case: `strip`, and what the profile
        could add itself."""
        added = [emit.header for emit in self.emits if emit.header]
        names = (*self.strip, *added, *(name for name, _ in self.silence))
        return tuple(dict.fromkeys(name.lower() for name in names))

    @cached_property
    def ticket_subject(self) -> re.Pattern[str] | None:
        """Finds a number of this helpdesk in a subject; None where it puts none there. The last
        group that took part is the number.

        Bounded: every part of it has a length that it cannot exceed.
        """
        return _alternatives(map(_token_pattern, self.subject_tokens))

    @cached_property
    def own_message_id(self) -> re.Pattern[str] | None:
        """Fits a Message-ID, without angle brackets, that this helpdesk made."""
        return _alternatives(map(_glob, self.message_ids))


def _token_pattern(token: str) -> str:
    escaped = re.escape(token)
    escaped = escaped.replace(re.escape(NUMBER), r"(\d{1,20})")
    return escaped.replace(re.escape(NAME), r"[^\[\]#]{1,60}")


def _glob(form: str) -> str:
    """What fits a form with `*`, in linear time: each literal part is taken where it first comes,
    and kept (atomic groups, as in fnmatch), for a later place could not help what follows."""
    first, *rest = map(re.escape, form.split("*"))
    if not rest:
        return first
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return f"{first}{middle}.*{rest[-1]}"


def _alternatives(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(patterns)
    return re.compile(joined, re.IGNORECASE) if joined else None


GENERIC: Final = Profile("generic")
"""Our own vocabulary and no more."""
