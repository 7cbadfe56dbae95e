"""mailtriage train: learns skills from an organisation's own mail, and says how well."""

import importlib.util
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from mailtriage.classifier.model import Classifier
from mailtriage.classifier.store import ModelError, load_model, model_bytes, read_about
from mailtriage.commands.explain import json_line
from mailtriage.commands.terminal import to_terminal
from mailtriage.commands.train_feedback import NothingCorrectedError, biased, corrected_set
from mailtriage.commands.train_table import print_result
from mailtriage.config import Config, ConfigError, load
from mailtriage.labelled import LabelledError, LabelledSet, read_labelled
from mailtriage.learning import own
from mailtriage.learning.corrections import Corrected, gently
from mailtriage.learning.fit import TooFewLabels
from mailtriage.learning.install import InstallError, install, previous_of, roll_back, where_wrong
from mailtriage.learning.report import (
    Comparison,
    Figures,
    answers,
    answers_of,
    as_object,
    compare,
    comparison_object,
    figures,
)
from mailtriage.learning.shipped import main as make_shipped
from mailtriage.learning.texts import Lesson, lessons, policy_lessons
from mailtriage.mail.model import Limits
from mailtriage.policies.load import PolicyError, load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.service.load import model_file, policy_directories
from mailtriage.shipped import shipped_directory
from mailtriage.state.feedback import FeedbackError
from mailtriage.state.secret import SecretError

NO_SCIKIT: Final = (
    "mailtriage: train needs scikit-learn, which reading mail does not: "
    "pip install 'mailtriage[train]'"
)
RELOAD: Final = "make the service read it: systemctl reload mailtriage"
_MAX_NAMED: Final = 20


class _Refused(Exception):  # noqa: N818  the end of a command, not a fault
    """What is said to the caller before the command ends with 1."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for."""

    only: bool = False
    force: bool = False
    dry_run: bool = False
    output: Path | None = None
    as_json: bool = False
    feedback: tuple[Path, ...] = ()
    """Archives whose mails are learnt from where they were corrected."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was learnt, how well, and what became of it."""

    labelled: LabelledSet
    course: own.Course
    figures: tuple[Figures, ...]
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]
    model: Classifier
    about: Mapping[str, Any]
    seconds: float
    megabytes: float
    """Peak memory of the whole command."""
    corrected: Corrected | None = None
    """What became of corrections; None when they were not asked for."""


@dataclass(frozen=True, slots=True)
class _InUse:
    """The model that new mail is judged with today; none when it is off or cannot be read."""

    model: Classifier | None
    about: Mapping[str, Any]


def run_train(files: Sequence[Path] | None, labelled: Path | None, wish: Wish) -> int:
    """Learn from LABELLED, from corrected mails (`wish.feedback`), or both; judge, and install
    unless the model in use is better. 1 when nothing was installed that should have been."""
    started = time.monotonic()
    if not has_scikit():
        to_terminal(NO_SCIKIT)
        return 1
    try:
        config = load(files).config
        target = wish.output or config.model.file
        wrong = "" if wish.dry_run else where_wrong(target)
        if wrong:
            raise _Refused(f"mailtriage: {wrong}")
        result = _learn(config, labelled, wish, started)
        said = _put(result, target, wish)
    except (ConfigError, PolicyError, LabelledError, _Refused) as error:
        to_terminal(str(error))
        return 1
    except (FeedbackError, InstallError, NothingCorrectedError, SecretError, TooFewLabels) as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    if wish.as_json:
        click.echo(json_line({**_object(result), **said}))
    else:
        _say(target, said, config)
    return 0 if said["installed"] or (wish.dry_run and not said["refused"]) else 1


def run_rollback(files: Sequence[Path] | None, output: Path | None) -> int:
    """Swap the model and the one before it; 1 when there is none."""
    try:
        file = output or load(files).config.model.file
        roll_back(file)
    except ConfigError as error:
        to_terminal(str(error))
        return 1
    except (InstallError, ModelError) as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    click.echo(f"{file} is the earlier model again, the later one is {previous_of(file)}; {RELOAD}")
    return 0


def run_shipped() -> int:
    """Make policies/model/shipped.npz anew: for those who develop mailtriage."""
    if not has_scikit():
        to_terminal(NO_SCIKIT)
        return 1
    try:
        make_shipped()
    except (FileNotFoundError, LabelledError, PolicyError) as error:
        to_terminal(f"mailtriage: {error}")
        return 1
    return 0


def has_scikit() -> bool:
    """Whether anything can be trained here."""
    return importlib.util.find_spec("sklearn") is not None


def _learn(config: Config, given: Path | None, wish: Wish, started: float) -> Result:
    limits = Limits(max_scan_bytes=config.milter.max_scan_bytes)
    corrected: Corrected | None = None
    if given is None or wish.feedback:
        corrected = corrected_set(config, given, wish.feedback, limits)
        labelled = corrected.labelled
    else:
        labelled = read_labelled(given, limits)
    path = labelled.path
    with Console(stderr=True).status("reading") as status:
        policies, _ = load_policies(policy_directories(config), disable=config.policies.disable)
        matcher = Matcher(policies, time_limit=config.policies.time_limit)
        unreadable = list(labelled.unreadable)
        read = list(lessons(labelled.examples, matcher, limits, unreadable=unreadable.append))
        single = own.without_copies(read)
        warnings = [f"could not be read: {name}" for name in unreadable]
        warnings += biased(corrected) if corrected else []
        empty = len(labelled.examples) + len(labelled.unreadable) - len(unreadable) - len(read)
        if empty:
            warnings.append(f"left out, without a word in them: {empty}")
        if len(read) > len(single):
            warnings.append(f"left out, there twice or more: {len(read) - len(single)}")
        corpus = _corpus(config, matcher)
        course = own.plan(single, corpus, only=wish.only)
        if given is None:
            course = gently(course, corpus)
        if not course.facets:
            raise _Refused(f"{path}: nothing to learn: two skills at least must have mails")
        warnings += _scant(path, course, force=wish.force)
        status.update(f"cross-validating over {len(single)} mails")
        trial = own.trials(course)[0]
        status.update("learning")
        # How sure to be is not learnt from mistakes alone.
        judged = replace(trial, unseen={}) if given is None and course.corpus else trial
        model = own.learn(course, judged, _temperatures(config))
    told = _figures(course, model, trial)
    found = tuple(as_object(one) for one in told)
    return Result(
        labelled=labelled,
        course=course,
        figures=told,
        comparisons=tuple(_compared(course, model, trial, _in_use(config, warnings))),
        warnings=tuple(warnings),
        model=model,
        about={
            "only": wish.only,
            "lessons": len(course.own),
            "recipe": [trial.recipe.method, trial.recipe.cost],
            "figures": {one.facet: values for one, values in zip(told, found, strict=True)},
            "seen": sorted(map(own.fingerprint, course.own)),
        },
        seconds=time.monotonic() - started,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        corrected=corrected,
    )


def _corpus(config: Config, matcher: Matcher) -> list[Lesson]:
    """The shipped corpus and the tests of the policies; nothing where they are not wanted."""
    if not config.policies.shipped:
        return []
    corpus = shipped_directory("policies") / "corpus"
    if not corpus.is_dir():
        raise _Refused(f"mailtriage: {corpus}: the shipped corpus is missing")
    return [*lessons(read_labelled(corpus).examples, matcher, Limits()), *policy_lessons(matcher)]


def _scant(path: Path, course: own.Course, *, force: bool) -> list[str]:
    """What is to be said of labels with few mails. Raises _Refused for skills with a single one."""
    said = []
    for facet in course.facets:
        counts = course.counts(facet)
        lone = [label for label, count in sorted(counts.items()) if count == 1]
        if lone and facet == "skill" and not force:
            raise _Refused(
                f"{path}: one mail alone says nothing of a skill: {_listed(lone)} — add some, 20 "
                "are a good start; --force learns from it all the same"
            )
        low = [f"{label} ({n})" for label, n in sorted(counts.items()) if n < own.TOO_FEW]
        if low:
            said.append(f"{facet}: too few mails for a figure to mean anything: {_listed(low)}")
        low = [
            f"{label} ({n})" for label, n in sorted(counts.items()) if own.TOO_FEW <= n < own.SCANT
        ]
        if low:
            said.append(f"{facet}: few mails, 20 are a good start: {_listed(low)}")
    return said


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _temperatures(config: Config) -> dict[str, float]:
    """How sure the shipped model is to be, of each facet; none when it cannot be read."""
    try:
        shipped = load_model(shipped_directory("policies") / "model" / "shipped.npz")
    except (ModelError, OSError):
        return {}
    return {head.facet: head.temperature for head in shipped.heads if config.policies.shipped}


def _in_use(config: Config, warnings: list[str]) -> _InUse:
    """The model in use; one that cannot be read is told of and is no rival."""
    if not config.model.enabled:
        warnings.append("[model] enabled = false: whatever is installed, nothing will use it")
        return _InUse(None, {})
    file = model_file(config)
    try:
        return _InUse(load_model(file), read_about(file))
    except ModelError as error:
        warnings.append(f"the model in use cannot be read: {error}")
    except OSError as error:
        warnings.append(f"the model in use cannot be read: {file}: {error.strerror}")
    return _InUse(None, {})


def _figures(course: own.Course, model: Classifier, trial: own.Trial) -> tuple[Figures, ...]:
    warm = {head.facet: head.temperature for head in model.heads}
    return tuple(
        figures(facet, answers(course.own, facet, *trial.unseen[facet], warm[facet]))
        for facet in course.facets
    )


def _compared(
    course: own.Course, model: Classifier, trial: own.Trial, rival: _InUse
) -> list[Comparison]:
    if rival.model is None:
        return []
    warm = {head.facet: head.temperature for head in model.heads}
    taught = rival.about.get("seen")
    known = frozenset(map(str, taught)) if isinstance(taught, list) else frozenset[str]()
    seen = [own.fingerprint(lesson) in known for lesson in course.own]
    stored = rival.about.get("figures")
    return [
        compare(
            facet,
            answers(course.own, facet, *trial.unseen[facet], warm[facet]),
            answers_of(rival.model, course.own, facet),
            rival.model.labels(facet),
            seen,
            stored if isinstance(stored, dict) else {},
        )
        for facet in course.facets
    ]


def _put(result: Result, target: Path, wish: Wish) -> dict[str, Any]:
    """Show the figures, and install; what became of the model, for JSON and people alike."""
    if not wish.as_json:
        print_result(
            Console(highlight=False), result.labelled, result.course, result.figures,
            result.comparisons, result.warnings, result.seconds, result.megabytes,
        )  # fmt: skip
    worse = [found.facet for found in result.comparisons if found.is_worse]
    refused = bool(worse) and not wish.force
    said: dict[str, Any] = {
        "file": str(target), "installed": False, "refused": refused, "previous": None,
    }  # fmt: skip
    if not refused and not wish.dry_run:
        if install(model_bytes(result.model, about=dict(result.about)), target):
            said["previous"] = str(previous_of(target))
        said["installed"] = True
    return said


def _object(result: Result) -> dict[str, Any]:
    return {
        "labelled": str(result.labelled.path),
        "lessons": len(result.course.own),
        "corpus": len(result.course.corpus),
        "only": result.course.is_only,
        "recipe": result.about["recipe"],
        "facets": result.about["figures"],
        "compared": {found.facet: comparison_object(found) for found in result.comparisons},
        "feedback": result.corrected.as_object() if result.corrected else None,
        "notes": list(result.labelled.notes),
        "warnings": list(result.warnings),
        "seconds": round(result.seconds, 1),
        "megabytes": round(result.megabytes),
    }


def _say(target: Path, said: Mapping[str, Any], config: Config) -> None:
    if said["refused"]:
        to_terminal(
            "mailtriage: not installed: the model in use is better; --force installs it anyway"
        )
    elif not said["installed"]:
        click.echo("nothing was written (--dry-run)")
    else:
        click.echo(f"installed: {target}")
        if said["previous"]:
            click.echo(f"the model before it: {said['previous']}; --rollback brings it back")
        if target == config.model.file:
            click.echo(RELOAD)
    sys.stdout.flush()
