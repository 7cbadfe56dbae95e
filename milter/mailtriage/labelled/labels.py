"""The labels of one example: checked, each wrong one reported with what was probably meant."""

import difflib
import math
import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from mailtriage.labelled.collect import Collector
from mailtriage.labelled.model import Labels
from mailtriage.toml_source import did_you_mean, show
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread

LABEL_KEYS: Final = (
    "language", "skill", "skills_also", "also", "priority", "mood", "churn", "kind", "thread",
    "newest_text", "weight",
)  # fmt: skip
SOURCE_KEYS: Final = ("text", "subject", "file", "message_id", "number")
OTHER_KEYS: Final = ("id", "industry", "note")
KEYS: Final = (*SOURCE_KEYS, *LABEL_KEYS, *OTHER_KEYS)

MAX_WEIGHT: Final = 100.0
_NEAR: Final = 0.8
"""Likeness from which an unknown key is a slip of the pen; exports have many keys of their own."""
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE)
_OURS: Final = {"no": "nb", "nn": "nb"}
"""Written Norwegian of either kind is "nb" to the detector, as it is to a service desk."""

_Level = TypeVar("_Level", bound=StrEnum)


def key_problem(key: str, beside: Collection[str]) -> str:
    """A hint when an unknown key looks like a mistyped one that matters; else empty.

    `beside` are the keys of the same row: what is there already was not meant.
    """
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=_NEAR)
    if not near or near[0] in OTHER_KEYS or near[0] in beside:
        return ""
    return f"did you mean '{near[0]}'?"


class LabelReader:
    """Reads the labels of one row; `file` and `line` are where it stands."""

    def __init__(self, values: Mapping[str, object], file: Path, line: int, into: Collector):
        """values: by key; what is missing, None or an empty string is not known."""
        self._values: Final = values
        self._file: Final = file
        self._line: Final = line
        self._into: Final = into

    def read(self) -> Labels:
        """All labels; a wrong one is reported and counts as not known."""
        return Labels(
            language=self._language(),
            skill=self._skill("skill", self.text("skill")),
            skills_also=self._skills_also(),
            priority=self._level("priority", Priority),
            mood=self._level("mood", Mood),
            churn=self._level("churn", Churn),
            kind=self._level("kind", Kind),
            thread=self._level("thread", Thread),
            newest_text=self._newest_text(),
            weight=self._weight(),
            industry=self.text("industry") or None,
        )

    def text(self, key: str) -> str:
        """A string without blanks around it; empty when it is not known."""
        value = self._values.get(key)
        if value is None or isinstance(value, str):
            return clean(value or "").strip()
        self._problem(f"{key}: expected a string, found {show(value)}")
        return ""

    def _problem(self, what: str, hint: str = "") -> None:
        self._into.problem(self._file, self._line, what, hint)

    def _level(self, key: str, levels: type[_Level]) -> _Level | None:
        value = self.text(key).lower()
        if not value:
            return None
        known = [level.value for level in levels]
        if value not in known:
            hint = did_you_mean(value, known) or f"one of {', '.join(known)}"
            self._problem(f"{key}: {show(value)} is unknown", hint)
            return None
        return levels(value)

    def _language(self) -> str | None:
        value = self.text("language")
        if not value:
            return None
        code = language_code(value)
        if not code:
            self._problem(f"language: {show(value)} is no code of a language", 'such as "sv"')
        return code or None

    def _skill(self, key: str, label: str) -> str | None:
        if not label:
            return None
        name, wrong = self._into.skills.take(label, f"{self._file.name}:{self._line}")
        if wrong:
            self._problem(f"{key}: {wrong}", "a skill has one name, of a-z, 0-9 and hyphens")
        return name or None

    def _skills_also(self) -> tuple[str, ...] | None:
        found: list[str] | None = None
        for key in ("skills_also", "also"):
            value = self._values.get(key)
            if value is None or value == "":
                continue
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                hint = f"write [{show(value)}]" if isinstance(value, str) else ""
                self._problem(f"{key}: expected a list of skills, found {show(value)}", hint)
                continue
            names = (self._skill(key, clean(label)) for label in value)
            found = [*(found or []), *(name for name in names if name)]
        return None if found is None else tuple(dict.fromkeys(found))

    def _newest_text(self) -> str | None:
        """Empty is a label of its own: the writer wrote nothing."""
        value = self._values.get("newest_text")
        if value is None:
            return None
        if not isinstance(value, str):
            self._problem(f"newest_text: expected a string, found {show(value)}")
            return None
        return clean(value)

    def _weight(self) -> float | None:
        value = self._values.get("weight")
        if value is None or value == "":
            return None
        number = as_number(value)
        if number is None or not 0 < number <= MAX_WEIGHT:
            what = f"weight: {show(value)} is no weight"
            self._problem(what, f"a number above 0, at most {MAX_WEIGHT:g}")
            return None
        return number


def as_number(value: object) -> float | None:
    """A finite number, or a string that is one; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def language_code(tag: str) -> str:
    """The language of a BCP 47 tag as our detector names it: "pt-BR" → "pt"; "" when it is none."""
    found = _LANGUAGE.fullmatch(tag.strip())
    code = found.group(1).lower() if found else ""
    return _OURS.get(code, code)


def clean(text: str) -> str:
    """Text with "\\n" line ends, and without the half characters that JSON can spell."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode("utf-8")
