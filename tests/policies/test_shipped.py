"""The shipped policies: they load without a warning and pass the tests inside them."""

import pytest

from mailtriage.classifier.store import load_model
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import FACETS, LANGUAGES, PolicyTest
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Triage
from mailtriage.triage.selftest import mail_of, run_test

SKILLS = [
    "account",
    "billing",
    "cancellation",
    "complaint",
    "delivery",
    "privacy",
    "returns",
    "sales",
    "technical",
]


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    policies, warnings = load_policies([shipped_directory("policies")])
    assert [str(problem) for problem in warnings] == []
    return Matcher(policies)


def test_every_skill_and_every_facet_has_its_policy(matcher: Matcher) -> None:
    assert [policy.name for policy in matcher.policies.skills] == SKILLS
    assert sorted(matcher.policies.facets) == sorted(FACETS)


def test_every_skill_has_words_and_a_test_in_every_language(matcher: Matcher) -> None:
    missing = [
        f"{policy.name}: {language}"
        for policy in matcher.policies.skills
        for language in LANGUAGES
        if not any(language in signal.words for signal in policy.signals)
        or not any(test.language == language for test in policy.tests)
    ]
    assert missing == []


def test_every_test_inside_the_policies_passes(matcher: Matcher) -> None:
    model = load_model(shipped_directory("policies") / "model" / "shipped.npz")
    nobody = FixedCustomers({})

    def judge(test: PolicyTest) -> Triage:
        return triage(mail_of(test), matcher, nobody, fixed_language=test.language, model=model)

    failures = [
        f"{test.file}:{test.line}: {test.name}: {failure}"
        for policy in matcher.policies.all()
        for test in policy.tests
        for failure in run_test(test, judge).failures
    ]
    assert failures == []
