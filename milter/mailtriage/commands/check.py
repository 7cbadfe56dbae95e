"""mailtriage check and mailtriage test."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from mailtriage.classifier.model import Classifier
from mailtriage.commands.terminal import harmless, to_terminal
from mailtriage.knowledge.answers import TemplateError, read_templates
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import PolicyTest
from mailtriage.service.load import Everything, LoadError, read_everything
from mailtriage.toml_source import Problem
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.language import load_detector
from mailtriage.triage.model import Triage
from mailtriage.triage.selftest import Outcome, mail_of, run_test, untested_signals


def run_check(files: Sequence[Path] | None, *, quiet: bool, since: float | None = None) -> int:
    """Report every problem and every failing policy test; 0 when there is no error.

    With `since` (seconds since the epoch) also which mails of the history from then on would be
    tagged differently, which is no error.
    """
    try:
        everything = read_everything(files)
    except LoadError as error:
        to_terminal(str(error))
        return 1
    failed = [outcome for outcome in _outcomes(everything) if outcome.failures]
    if not quiet:
        for problem in everything.problems:
            to_terminal(str(problem))
        for problem in _of_answers(everything):
            to_terminal(harmless(str(problem)))
    _print_failures(failed)
    if not quiet and not failed:
        click.echo(_summary(everything))
    # Also of policies whose tests fail: the comparison may tell why.
    code = 0 if since is None else _against_history(everything, since)
    return 1 if failed else code


def run_policy_tests(files: Sequence[Path] | None, *, coverage: bool) -> int:
    """Run the policies' own tests; 0 when all pass."""
    try:
        everything = read_everything(files)
    except LoadError as error:
        to_terminal(str(error))
        return 1
    outcomes = _outcomes(everything)
    failed = [outcome for outcome in outcomes if outcome.failures]
    _print_failures(failed)
    if coverage:
        for file, signal in untested_signals(everything.policies, outcomes):
            click.echo(f"{file}: {signal}: no test hits this signal")
    click.echo(f"{len(outcomes) - len(failed)} policy tests passed, {len(failed)} failed")
    return 1 if failed else 0


def _of_answers(everything: Everything) -> list[Problem]:
    """What is wrong with the answer templates. Only warnings: the service has their index, and
    starts whatever lies in the folder. On other nodes there need be none."""
    folder, model = everything.config.answers.folder, everything.model
    skills = [one.name for one in everything.policies.skills]
    try:
        if folder is None or not folder.exists():
            return []
        read_templates(folder, [*skills, *(model.labels("skill") if model else ())])
    except TemplateError as error:
        return [replace(problem, warning=True) for problem in error.problems]
    except OSError as error:
        return [everything.loaded.problem(("answers", "folder"), str(error), warning=True)]
    return []


def _against_history(everything: Everything, since: float) -> int:
    # Only those who look at the past pay for it.
    from mailtriage.commands.against_history import run_against_history

    return run_against_history(everything, since)


def _outcomes(everything: Everything) -> list[Outcome]:
    load_detector()
    policies = everything.policies
    judge = partial(_judge, Matcher(policies), everything.model)
    return [run_test(test, judge) for policy in policies.all() for test in policy.tests]


def _judge(matcher: Matcher, model: Classifier | None, test: PolicyTest) -> Triage:
    nobody = FixedCustomers({})
    return triage(mail_of(test), matcher, nobody, fixed_language=test.language, model=model)


def _print_failures(failed: Sequence[Outcome]) -> None:
    for outcome in failed:
        test = outcome.test
        for failure in outcome.failures:
            to_terminal(f"{test.file}:{test.line}: test '{test.name}': {failure}")


def _summary(everything: Everything) -> str:
    policies = everything.policies
    phrases = Matcher(policies).phrases
    tests = sum(len(policy.tests) for policy in policies.all())
    files = ", ".join(everything.loaded.files) or "none, all defaults"
    return (
        f"fine: configuration {files}; {len(policies.skills)} skills and "
        f"{len(policies.facets)} facets with {phrases} phrases; {tests} policy tests passed"
    )
