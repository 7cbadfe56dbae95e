"""The index of answer templates: a knowledge base of its own, and what recognises them in answers.

A section is the current version of a template: its title, its questions as other ways to ask for
it, its text without placeholders. Beside that stand the words of every version (answer_match.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.answer_match import Matcher, is_recognisable, matching_of
from mailtriage.knowledge.answers import GENERAL, Templates
from mailtriage.knowledge.index_build import Built, build_index
from mailtriage.knowledge.index_file import Contents, read_index
from mailtriage.knowledge.model import Document, KnowledgeError, Section
from mailtriage.knowledge.search import KnowledgeIndex, Limits
from mailtriage.knowledge.text import base_language

_NO_TOPIC: Final = "none"
_MOST_MASKS: Final = 500
"""Pairs of skill and topic of which is remembered what fits them."""
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Told:
    """What the index says of the current version of a template."""

    id: str
    language: str
    skill: str
    version: int
    topics: tuple[str, ...]
    kb: tuple[str, ...]


class AnswerIndex:
    """The templates, read once; safe to use from several threads and after a fork."""

    def __init__(self, file: Path, contents: Contents) -> None:
        """Use `open_answers`. Raises what wrong contents raise: ValueError, LookupError and
        TypeError."""
        self.knowledge: Final = KnowledgeIndex(file, contents)
        about = contents.about["answers"]
        self.matcher: Final = Matcher(about["texts"], contents.arrays)
        self.told: Final = tuple(_told(one) for one in about["told"])
        if len(self.told) != self.knowledge.sections:
            raise ValueError("sections and templates do not agree")
        self._by_section: Final = self._sections()
        self._masks: Final[dict[tuple[str, str], _Mask]] = {}

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        """Another process opens the file again: what is in memory is shared by forks alone."""
        return open_answers, (self.knowledge.file,)

    def of_section(self, section: str, language: str, skill: str, topic: str) -> str:
        """Id of the template that names this section of the knowledge base and fits; empty unless
        there is exactly one."""
        spoken = base_language(language)
        fitting = [
            self.told[number].id
            for number in self._by_section.get(section, ())
            if self.told[number].language == spoken and self._fits(self.told[number], skill, topic)
        ]
        return fitting[0] if len(fitting) == 1 else ""

    def find(
        self, text: str, language: str, skill: str, topic: str, *, subject: str, threshold: float
    ) -> str:
        """Id of the template whose questions come nearest to a mail; empty below `threshold`.

        Only those of its language, of its skill or "general", and of no other topic are looked at.
        """
        mask = self.mask(skill, topic)
        hits = self.knowledge.rank(
            text, language, subject=subject, limits=Limits(threshold), most=1, among=mask
        )
        if not hits or not hits[0].confidence >= threshold:
            return ""
        return self.told[hits[0].section].id

    def _fits(self, told: Told, skill: str, topic: str) -> bool:
        if told.skill not in (skill, GENERAL):
            return False
        return not told.topics or topic in (_NO_TOPIC, "", *told.topics)

    def mask(self, skill: str, topic: str) -> npt.NDArray[np.bool_]:
        """Which sections fit a mail of this skill and topic."""
        known = self._masks.get((skill, topic))
        if known is None:
            known = np.array([self._fits(one, skill, topic) for one in self.told], np.bool_)
            if len(self._masks) < _MOST_MASKS:
                self._masks[skill, topic] = known
        return known

    def _sections(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for number, one in enumerate(self.told):
            for section in one.kb:
                found.setdefault(section, []).append(number)
        return {section: tuple(numbers) for section, numbers in found.items()}


def build_answers(templates: Templates, path: Path, *, heading_weight: float) -> Built:
    """Make the index. Raises OSError."""
    current = sorted(templates.current, key=lambda one: one.language)  # as build_index does
    documents = [
        Document(
            (
                Section(
                    one.text,
                    heading=one.title,
                    id=one.id,
                    title=one.title,
                    language=one.language,
                    aliases=one.questions,
                    version=str(one.version),
                    origin=one.file,
                ),
            )
        )
        for one in current
    ]
    told = [
        {
            "id": one.id,
            "language": one.language,
            "skill": one.skill,
            "version": one.version,
            "topics": one.topics,
            "kb": one.kb,
        }
        for one in current
    ]
    texts, arrays = matching_of(templates.all)
    about = {"answers": {"told": told, "texts": texts}}
    return build_index(
        documents, path, heading_weight=heading_weight, more_about=about, more=arrays
    )


def too_short(templates: Templates) -> list[str]:
    """Files of current templates that cannot be told in an answer."""
    return [one.file for one in templates.current if not is_recognisable(one)]


def open_answers(file: Path) -> AnswerIndex:
    """Read the index. Raises KnowledgeError, with what to do about it, and nothing else."""
    try:
        is_there = file.exists()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise KnowledgeError(f"{file}: {reason}") from None
    if not is_there:
        raise KnowledgeError(f"{file}: is not there yet; `mailtriage kb build` makes it")
    contents = read_index(file)
    if "answers" not in contents.about:
        hint = "build it with `mailtriage kb build`, from the folder in answers.folder"
        raise KnowledgeError(f"{file}: holds no answer templates; {hint}")
    try:
        return AnswerIndex(file, contents)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        again = "build it again with `mailtriage kb build`"
        raise KnowledgeError(f"{file}: damaged ({error}); {again}") from None


def _told(one: dict[str, Any]) -> Told:
    return Told(
        str(one["id"]),
        str(one["language"]),
        str(one["skill"]),
        int(one["version"]),
        tuple(map(str, one["topics"])),
        tuple(map(str, one["kb"])),
    )
