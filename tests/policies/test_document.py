"""The examples in docs/policies.md are policies that load and pass their own test."""

import re
from collections.abc import Callable
from pathlib import Path

from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.selftest import mail_of, run_test

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "policies.md"


def test_the_examples(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    skill, facet, test = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    write("billing.toml", skill + test)
    write("priority.toml", facet)
    policies, warnings = load_policies([tmp_path])
    assert [str(problem) for problem in warnings] == []
    assert [policy.name for policy in policies.all()] == ["billing", "priority"]
    matcher = Matcher(policies)
    (example,) = policies.skills[0].tests
    outcome = run_test(
        example,
        lambda test: triage(
            mail_of(test), matcher, FixedCustomers({}), fixed_language=test.language
        ),
    )
    assert outcome.failures == ()
