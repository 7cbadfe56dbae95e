"""Shipped policies, the administrator's own, and skills that are switched off."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.policies.load import PolicyError, load_policies

Write = Callable[[str, str], Path]


def skill(name: str, signal: str, expect: str) -> str:
    return f"""
        skill = "{name}"
        [[signal]]
        id = "{signal}"
        weight = 3
        words.any = ["{name}"]
        [[test]]
        name = "one of {name}"
        expect = {expect}
    """


@pytest.fixture
def directories(write: Write) -> list[Path]:
    """A shipped directory with two skills, and one of the administrator's own."""
    shipped = write(
        "shipped/billing.toml", skill("billing", "invoice-word", '{ signals = ["invoice-word"] }')
    ).parent
    write("shipped/sales.toml", skill("sales", "offer-word", '{ not_skill = "billing" }'))
    own = write(
        "own/deep/billing.toml", skill("billing", "our-invoice", '{ signals = ["our-invoice"] }')
    ).parent.parent
    return [shipped, own]


def test_the_administrators_policy_replaces_the_shipped_one_whole(directories: list[Path]) -> None:
    policies, warnings = load_policies(directories)
    assert not warnings
    assert [policy.name for policy in policies.skills] == ["billing", "sales"]
    assert [signal.id for policy in policies.skills for signal in policy.signals] == [
        "our-invoice",
        "offer-word",
    ]


def test_a_skill_and_a_facet_of_one_name_are_two_policies(write: Write) -> None:
    write("a.toml", skill("mood", "mood-word", '{ skill = "mood" }'))
    facet = """
        facet = "mood"
        levels = { positive = 1, negative = -1 }
        signal = [{ id = "glad", weight = 1, words.en = ["glad"] }]
    """
    policies, _ = load_policies([write("b.toml", facet).parent])
    assert [policy.name for policy in policies.skills] == ["mood"]
    assert list(policies.facets) == ["mood"]


def test_a_disabled_skill_is_gone_and_no_test_asks_for_it(directories: list[Path]) -> None:
    policies, warnings = load_policies(directories, disable=["billing"])
    assert not warnings
    assert [policy.name for policy in policies.skills] == ["sales"]
    assert [dict(test.expect) for test in policies.skills[0].tests] == [{}]


def test_tests_no_longer_ask_for_signals_of_a_policy_that_was_replaced(
    write: Write, directories: list[Path]
) -> None:
    write("shipped/sales.toml", skill("sales", "offer-word", '{ not_signals = ["invoice-word"] }'))
    policies, warnings = load_policies(directories)
    assert not warnings
    assert policies.skills[1].tests[0].expect == {}


def test_a_mistyped_skill_is_an_error_though_others_are_disabled(
    write: Write, directories: list[Path]
) -> None:
    write("shipped/sales.toml", skill("sales", "offer-word", '{ not_skill = "biling" }'))
    with pytest.raises(PolicyError, match="test 'one of sales' expects 'biling'"):
        load_policies(directories, disable=["billing"])


def test_only_toml_files_are_read(write: Write, directories: list[Path]) -> None:
    write("own/README.md", "no policy")
    write("own/billing.toml.bak", "no policy")
    assert len(load_policies(directories)[0].skills) == 2


def test_no_directories_are_no_policies() -> None:
    assert load_policies([])[0].all() == ()
