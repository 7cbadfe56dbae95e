"""Reading policy files: every mistake in all of them is listed at once, with its line."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from mailtriage.policies.model import GENERAL, Policies, Policy
from mailtriage.policies.read import read_policy
from mailtriage.policies.read_tests import Known, check_expectations
from mailtriage.toml_source import Problem


class PolicyError(Exception):
    """Policies that must not be used; holds every problem of every file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = tuple(problems)


ACKS: Final = "acks"
"""The directory beside the policies that holds the texts of acknowledgements."""


def load_policies(
    directories: Sequence[Path], *, disable: Iterable[str] = ()
) -> tuple[Policies, tuple[Problem, ...]]:
    """Read every `*.toml` below the directories; a later one replaces an earlier of its name.

    `disable` names skills that are left out. Returns the policies and the warnings.
    Raises PolicyError with all problems when there is one that is not a warning.
    """
    problems: list[Problem] = []
    read = [policy for directory in directories for policy in _read_directory(directory, problems)]
    by_name = {(policy.is_skill, policy.name): policy for policy in read}
    for name in disable:
        by_name.pop((True, name), None)
    policies = Policies(
        skills=tuple(by_name[key] for key in sorted(by_name) if key[0]),
        facets={name: policy for (is_skill, name), policy in by_name.items() if not is_skill},
    )
    problems += _repeated_ids(policies)
    policies = _with_checked_tests(policies, read, problems)
    if any(not problem.warning for problem in problems):
        raise PolicyError(sorted(problems))
    return policies, tuple(sorted(problems))


def _read_directory(directory: Path, problems: list[Problem]) -> list[Policy]:
    """The policies of one directory, in which each skill and facet may stand once."""
    by_name: dict[tuple[bool, str], Policy] = {}
    for file in sorted(directory.rglob("*.toml")):
        if file.parent.name == ACKS:
            continue
        policy = read_policy(file, problems)
        if policy is None:
            continue
        first = by_name.setdefault((policy.is_skill, policy.name), policy)
        if first is not policy and policy.name:
            key = "skill" if policy.is_skill else "facet"
            what = f"'{policy.name}' has a policy already, in {first.file}"
            problems.append(Problem(policy.file, policy.line, key, what))
    return list(by_name.values())


def _repeated_ids(policies: Policies) -> list[Problem]:
    problems = []
    owner: dict[str, str] = {}
    for policy in policies.all():
        for number, signal in enumerate(policy.signals):
            if signal.id in owner:
                path = f"signal[{number}].id"
                what = f"'{signal.id}' is used already, in {owner[signal.id]}"
                hint = "ids are unique over all files"
                problems.append(Problem(policy.file, signal.line, path, what, hint))
            elif signal.id:
                owner[signal.id] = policy.file
    return problems


def _with_checked_tests(
    policies: Policies, read: Sequence[Policy], problems: list[Problem]
) -> Policies:
    """The policies, their tests no longer expecting what is switched off or was replaced.

    What never existed is a problem: somebody mistyped it.
    """
    in_force, ever = _known(policies.all()), _known(read)

    def checked(policy: Policy) -> Policy:
        tests = tuple(check_expectations(test, in_force, ever, problems) for test in policy.tests)
        return policy if tests == policy.tests else replace(policy, tests=tests)

    return Policies(
        skills=tuple(map(checked, policies.skills)),
        facets={name: checked(policy) for name, policy in policies.facets.items()},
    )


def _known(policies: Iterable[Policy]) -> Known:
    policies = list(policies)
    signals = [signal for policy in policies for signal in policy.signals]
    return Known(
        skills=frozenset({policy.name for policy in policies if policy.is_skill} | {GENERAL}),
        signals=frozenset(signal.id for signal in signals),
        topics=frozenset(signal.topic for signal in signals if signal.topic),
    )
