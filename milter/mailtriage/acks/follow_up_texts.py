"""The texts of two further mails: a promise that slips, and how satisfied the customer was.

They stand in the tables [update] and [survey] of the files that `templates` reads, and are
overridden key by key in the same way. A language has both or neither; one that has neither is
written to in the fallback languages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import jinja2

from mailtriage.acks.template_language import SURVEY, UPDATE, Vocabulary, compile_template
from mailtriage.acks.templates import (
    FOLLOW_UPS,
    LONGEST_SUBJECT,
    TextError,
    check_subject,
    in_language,
    plain_faults,
    template_problems,
    text_files,
    tidy,
)
from mailtriage.acks.wording import moment
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Problem, Source, SourceError, TableReader, dotted, read_source

VOTES: Final = ("5", "4", "3", "2", "1")
"""From very satisfied to very dissatisfied, in the order in which a customer reads them."""

_WORDS: Final[Mapping[str, Vocabulary]] = {"update": UPDATE, "survey": SURVEY}
_LONGEST: Final = {"subject": LONGEST_SUBJECT, "opt_out": 60}
_LONGEST_LABEL: Final = 40
_KEYS: Final = {"update": ("subject", "text"), "survey": ("subject", "text", "opt_out")}
_PATHS: Final[tuple[KeyPath, ...]] = (
    *((table, key) for table, keys in _KEYS.items() for key in keys),
    *(("survey", "labels", vote) for vote in VOTES),
)


@dataclass(frozen=True, slots=True)
class Vote:
    """What a survey's template is given for each of `VOTES`, in `votes`."""

    value: str
    """ "5" to "1"."""
    label: str
    """That of `SurveyText.labels`."""
    url: str
    """A mailto: address without blanks; its mail is the vote."""


@dataclass(frozen=True, slots=True)
class UpdateText:
    """What a customer hears before a promise slips."""

    subject: str
    """The whole subject where the customer's is not repeated."""
    body: jinja2.Template

    def plain(self, values: Mapping[str, object]) -> str:
        """The text part, given a value for each name of `UPDATE`. Ends in a line end.

        Raises jinja2.TemplateError for a text that was not tried out.
        """
        return tidy(self.body.render(values))


@dataclass(frozen=True, slots=True)
class SurveyText:
    """The one question that a customer is asked after the answer."""

    subject: str
    labels: Mapping[str, str]
    """The words of each of `VOTES`; no two are the same."""
    opt_out: str
    """The words of the link to `opt_out`, where there are links."""
    body: jinja2.Template

    def plain(self, values: Mapping[str, object]) -> str:
        """The text part, given a value for each name of `SURVEY`, as `UpdateText.plain` does."""
        return tidy(self.body.render(values))


@dataclass(frozen=True, slots=True)
class FollowUpText:
    """Both in one language."""

    language: str
    update: UpdateText
    survey: SurveyText


@dataclass(frozen=True, slots=True)
class FollowUpTexts:
    """Every language there is. Made before processes fork: compiled templates are not pickled."""

    by_language: Mapping[str, FollowUpText]
    warnings: tuple[Problem, ...] = ()

    def choose(self, language: str, fallback: Sequence[str]) -> tuple[FollowUpText, ...]:
        """One in the customer's language, else two at most, as `Texts.choose`. Never empty."""
        return in_language(self.by_language, language, fallback)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    source: Source
    values: dict[KeyPath, str]


def load_follow_up_texts(
    shipped: Path, own: Path | None = None, *, only_own: bool = False
) -> FollowUpTexts:
    """Read, compile and try out both texts of every language.

    The parameters are those of `templates.load_texts`, which reports what stands outside the two
    tables. Raises TextError with all mistakes of all files, each with its line.
    """
    problems: list[Problem] = []
    files: dict[str, list[_File]] = {}
    for path in (*text_files(shipped, problems), *(text_files(own, problems) if own else ())):
        file = _read(path, problems)
        if file is not None:
            files.setdefault(path.stem, []).append(file)
    texts = {}
    for language in sorted(files):
        text = _text(language, files[language], problems)
        if text is not None:
            texts[language] = text
            touched = any(file.values and file.path.parent != shipped for file in files[language])
            if touched or not only_own:
                problems += _try_out(text, files[language])
    if not texts and not problems:
        problems.append(Problem(str(shipped), 1, "", "holds no [update] and [survey]"))
    if any(not problem.warning for problem in problems):
        raise TextError(sorted(problems))
    return FollowUpTexts(MappingProxyType(texts), tuple(sorted(problems)))


def _read(path: Path, problems: list[Problem]) -> _File | None:
    """What one file gives of the two tables; None when it is no TOML."""
    try:
        source = read_source(path)
    except SourceError as error:
        problems += error.problems
        return None
    whole = TableReader(source, problems)
    values: dict[KeyPath, str] = {}
    for name in FOLLOW_UPS:
        table = whole.table(name)
        values |= _values(table, {key: _LONGEST.get(key, 0) for key in _KEYS[name]})
        if name == "survey":
            labels = table.table("labels")
            values |= _values(labels, dict.fromkeys(VOTES, _LONGEST_LABEL))
            labels.finish()
        table.finish()
    return _File(path, source, values)


def _values(table: TableReader, longest: Mapping[str, int]) -> dict[KeyPath, str]:
    """The strings that a table gives; `longest`: characters of a line, 0 for a text."""
    values: dict[KeyPath, str] = {}
    for key, characters in longest.items():
        value = table.text(key, "")
        if characters:
            check_subject(table, key, value, characters)
        if table.has(key):
            values[*table.path, key] = value
    return values


def _text(language: str, files: Sequence[_File], problems: list[Problem]) -> FollowUpText | None:
    """What the files of one language say together, the last first.

    None when they give neither table, or one that cannot be used.
    """
    owner = _owners(files)
    if not owner:
        return None
    values = {path: file.values[path] for path, file in owner.items()}
    before = len(problems)
    problems += _missing(owner, files[0].source)
    problems += _same_labels(owner)
    bodies = {name: _compile(name, owner, problems) for name in FOLLOW_UPS}
    update, survey = bodies["update"], bodies["survey"]
    unusable = len(problems) > before or not all(values.get(path) for path in _PATHS)
    if unusable or update is None or survey is None:
        return None
    labels = {vote: values["survey", "labels", vote] for vote in VOTES}
    return FollowUpText(
        language,
        UpdateText(values["update", "subject"], update),
        SurveyText(
            values["survey", "subject"],
            MappingProxyType(labels),
            values["survey", "opt_out"],
            survey,
        ),
    )


def _owners(files: Iterable[_File]) -> dict[KeyPath, _File]:
    """The file that has the last word on each key."""
    return {path: file for file in files for path in file.values}


def _missing(owner: Mapping[KeyPath, _File], first: Source) -> Iterator[Problem]:
    for name, other in zip(FOLLOW_UPS, reversed(FOLLOW_UPS), strict=True):
        if all(path[0] != name for path in owner):
            hint = "a language has both tables or neither"
            yield Problem(first.file, 1, name, f"required beside [{other}], but missing", hint)
            continue
        for path in _PATHS:
            if path[0] == name and path not in owner:
                line = first.line(path)
                yield Problem(first.file, line, dotted(path), "required, but missing")


def _same_labels(owner: Mapping[KeyPath, _File]) -> Iterator[Problem]:
    """Two votes of one name cannot be told apart."""
    seen: dict[str, str] = {}
    for vote in VOTES:
        path = ("survey", "labels", vote)
        if path not in owner or not owner[path].values[path]:
            continue
        source, label = owner[path].source, owner[path].values[path].casefold()
        if label in seen:
            what = f'says the same as "{seen[label]}"'
            yield Problem(source.file, source.line(path), dotted(path), what)
        seen.setdefault(label, vote)


def _compile(
    name: str, owner: Mapping[KeyPath, _File], problems: list[Problem]
) -> jinja2.Template | None:
    path = (name, "text")
    if path not in owner or not owner[path].values[path]:
        return None
    file = owner[path]
    made = compile_template(file.values[path], html=False, words=_WORDS[name])
    if isinstance(made, jinja2.Template):
        return made
    problems += template_problems(file.source, path, made)
    return None


# --- Trying out -----------------------------------------------------------------------------------


def sample_updates(language: str) -> Iterator[dict[str, object]]:
    """Values for an update, in every combination of what is there and what is not."""
    received, promised, by = (
        _sample_moment(at, language) for at in (1790154720, 1790330400, 1790762400)
    )
    for has_time, busy, again, is_urgent, has_privacy in product((True, False), repeat=5):
        yield {
            "received": received,
            "promised": promised,
            "by": by if has_time else "",
            "reference": "K7Q2-M4",
            "desk": "Example Ltd Customer Service",
            "busy": busy,
            "again": again,
            "urgent": "+49 30 1234567 (Mon-Fri 8-18)" if is_urgent else "",
            "privacy": "https://desk.example/privacy" if has_privacy else "",
        }


def sample_surveys(language: str, labels: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """The same for a survey; `labels` are those of its text."""
    votes = tuple(Vote(value, labels[value], _sample_url(value)) for value in VOTES)
    for has_privacy in (True, False):
        yield {
            "received": _sample_moment(1790154720, language),
            "reference": "K7Q2-M4",
            "desk": "Example Ltd Customer Service",
            "votes": votes,
            "opt_out": _sample_url("0"),
            "privacy": "https://desk.example/privacy" if has_privacy else "",
        }


def _sample_url(value: str) -> str:
    # With all that filters would change: both cases, and an ampersand.
    return f"mailto:vote+3jp32vpjhaaj4cuvt5c2od4c74-{value}@desk.example?subject=K7Q2&body={value}"


def _sample_moment(at: int, language: str) -> str:
    # Those of `templates.sample_values`: long names of weekday and month in most languages.
    return moment(at, ZoneInfo("Europe/Berlin"), language)


def _try_out(text: FollowUpText, files: Iterable[_File]) -> Iterator[Problem]:
    """What is wrong with either text in some case; each mistake once."""
    found: dict[tuple[str, str, bool], None] = {}
    for values in sample_updates(text.language):
        found |= dict.fromkeys(("update", *fault) for fault in _faults(text.update, values, ()))
    needed = [_sample_url(value) for value in (*VOTES, "0")]
    for values in sample_surveys(text.language, text.survey.labels):
        found |= dict.fromkeys(("survey", *fault) for fault in _faults(text.survey, values, needed))
    owner = _owners(files)
    for name, what, warning in found:
        path = (name, "text")
        source = owner[path].source
        yield Problem(source.file, source.line(path), dotted(path), what, warning=warning)


def _faults(
    text: UpdateText | SurveyText, values: Mapping[str, object], needed: Iterable[str]
) -> Iterator[tuple[str, bool]]:
    """`needed`: addresses that must be there, for a customer to follow."""
    try:
        plain = text.plain(values)
    except (jinja2.TemplateError, TypeError) as error:
        yield f"cannot be rendered: {error}", False
        return
    yield from plain_faults(plain)
    # Mail programs take what touches an address for a part of it.
    printed = plain.split()
    if any(printed.count(url) != 1 for url in needed):
        what = "must print {{ opt_out }} and each {{ vote.url }} once, between blanks or line ends"
        yield what, False
