"""What a mail costs does not grow with the number of policies, nor with that of known customers.

Steps are counted, not seconds; `python -m tests.bench.growth` has the seconds.
"""

from collections.abc import Callable
from functools import partial

import pytest

from mailtriage.mail.model import Envelope, Mail
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher, mail_text
from mailtriage.policies.model import Policies, Policy, Signal
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers, lookup_keys
from mailtriage.triage.judge import triage
from tests.bench.growth import FLAT, known, made_policies
from tests.support.steps import steps

TEXT = """\
Hello,

I ordered a kettle two weeks ago and it has not arrived yet. I have paid the invoice, and this is the
third time that I write. Could you please tell me by tomorrow where my parcel is? My number is 4711.

Kind regards
Ann
"""
MAIL = Mail(
    subject="Where is my order 4711?",
    text=TEXT,
    newest_text=TEXT,
    from_address="ann@customer.example",
    envelope=Envelope("ann@customer.example", ("help@desk.example",)),
)
NOBODY = FixedCustomers({})


@pytest.fixture(scope="module")
def made() -> Callable[[int], Matcher]:
    """Of so many policies, made of the words of the shipped ones."""
    shipped, _ = load_policies([shipped_directory("policies")])
    return lambda count: Matcher(made_policies(count, shipped))


def test_a_hundred_times_the_policies_are_no_more_steps(made: Callable[[int], Matcher]) -> None:
    few, many = made(10), made(1000)
    assert many.phrases > 2 * few.phrases
    scans = [partial(one.scan, MAIL, mail_text(MAIL), "en") for one in (few, many)]
    assert steps(scans[1]) <= FLAT * steps(scans[0])
    judged = [partial(triage, MAIL, one, NOBODY, fixed_language="en") for one in (few, many)]
    judged[0]()  # what is read on first use
    assert steps(judged[1]) <= FLAT * steps(judged[0])


def test_patterns_whose_guard_is_not_seen_cost_nothing() -> None:
    """And those that have none are tried, each of them: that is what a guard is for."""

    def matcher(count: int, guard: tuple[str, ...]) -> Matcher:
        signals = tuple(
            Signal(f"s{number}", 1.0, regex=rf"\b{number}-\d+", guard=guard)
            for number in range(count)
        )
        return Matcher(Policies((Policy("a.toml", 1, "a", is_skill=True, signals=signals),)))

    def asked(count: int, *guard: str) -> int:
        return steps(partial(matcher(count, guard).scan, MAIL, mail_text(MAIL), "en"))

    assert asked(1000, "never seen") == asked(10, "never seen")
    assert asked(1000) > 50 * asked(10)
    assert asked(1000, "kettle") > 50 * asked(10, "kettle")


@pytest.mark.parametrize("who", ["kim4@customer4.example", "kim4@a.b.customer5.example", "x@y.z"])
def test_a_thousand_times_the_customers_are_no_more_steps(who: str) -> None:
    few, many = (FixedCustomers(known(count)) for count in (100, 100_000))
    keys = lookup_keys(who)
    assert few.tier(keys) == many.tier(keys)
    assert steps(partial(many.tier, keys)) == steps(partial(few.tier, keys)) > 0
