"""What docs/priority.md says is so: every signal with its points and floor, and the example."""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mailtriage.mail.model import Header, Headers, Mail
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import FACET_VALUES
from mailtriage.triage import priority
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.date_words import KINDS
from mailtriage.triage.dates import MAX_DATES
from mailtriage.triage.judge import triage
from mailtriage.triage.waiting import LONGEST

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "priority.md").read_text(encoding="utf-8")
POLICY: dict[str, Any] = tomllib.loads(
    (ROOT / "policies" / "facets" / "priority.toml").read_text(encoding="utf-8")
)

SIGNAL = re.compile(r"^\| `(priority-[a-z-]+)` \| (-?\d+) \| (\d*) ?\| .+ \|$", re.MULTILINE)
FACET = re.compile(r"`((?:tier|churn|mood|thread|marked|skill)-[a-z]+)`[^|]*\| (-?\d+) \|")
REASON = re.compile(r"^\| `?([a-z0-9 -]+)`? \| (-?\d+) \|$", re.MULTILINE)


def part(title: str) -> str:
    begin = PAGE.index(f"\n## {title}\n") + 1
    return PAGE[begin : PAGE.find("\n## ", begin) % len(PAGE)]


def test_every_signal_stands_there_with_its_points_and_its_floor() -> None:
    shown = {
        name: (int(points), int(floor or 0))
        for name, points, floor in SIGNAL.findall(part("Reasons in the words"))
    }
    assert shown == {
        signal["id"]: (signal["weight"], signal.get("floor", 0)) for signal in POLICY["signal"]
    }


def test_what_other_facets_add_stands_there() -> None:
    shown = {
        name: int(points) for name, points in FACET.findall(part("Reasons in the other facets"))
    }
    assert shown == POLICY["adjust"]


def test_the_levels_stand_there() -> None:
    levels = POLICY["levels"]
    words = " ".join(PAGE.split())
    assert f"`urgent` from {levels['urgent']}, `high` from {levels['high']}" in words
    assert f"`normal` from {levels['normal']}, below that `low`" in words
    assert f"It starts at {POLICY['base']}." in words


def test_the_points_of_dates_stand_there() -> None:
    table = part("Reasons in time")
    for name, _, points in priority.DEADLINES:
        assert f"| `{name}` | {points:g} | | " in table
    kinds = " ".join(f"`-{kind}`" for kind in KINDS[1:])
    assert f"| `deadline-{KINDS[0]}` {kinds} | | {priority.DEADLINE_FLOOR:g} | " in table
    assert f"| `waiting` | 1 to {priority.WAITING_MOST:g} | | " in table
    assert f"| `contacts` | {priority.CONTACT:g} to {priority.CONTACTS_MOST:g} | | " in table
    assert f"| `asks-nothing` | {priority.ASKS_NOTHING:g} | | " in table
    assert f"At most {MAX_DATES} dates" in table
    assert LONGEST == 3 * 365
    assert "more than three years are history" in table


def test_the_limits_stand_there() -> None:
    not_counted = " ".join(part("What does not count").split())
    assert f"sum up to {priority.TAKEN_BACK:g} or less" in not_counted
    assert f"at {priority.SETTLED:g} none makes it high" in not_counted
    assert f"scores {priority.MACHINE_SCORE} (" in not_counted
    model = " ".join(part("The trained model").split())
    assert f"less {priority.RULES_WEIGHT:g} for every ten points" in model
    centres = ", ".join(f"{centre:g}" for centre in priority.CENTRES.values())
    assert f"centre ({centres})" in model
    assert f"At {priority.LEARNED_DOUBT:g} or less" in model


def test_the_names_of_robots_are_those_of_the_facet() -> None:
    named = re.findall(r"`kind-([a-z]+)`", part("What does not count"))
    assert sorted(named) == sorted(set(FACET_VALUES["kind"]) - {"human"})


def test_the_example_is_judged_as_it_says(tmp_path: Path) -> None:
    """With the policy of the priority alone: other facets are not what it is about."""
    example = part("An example")
    quoted = re.search(r"^> (.+)$", example, re.MULTILINE)
    assert quoted is not None
    date = Header("Date", b"Tue, 24 Nov 2026 10:00:00 +0000")
    mail = Mail(newest_text=quoted[1], text=quoted[1], headers=Headers([date]))
    shutil.copy(ROOT / "policies" / "facets" / "priority.toml", tmp_path)
    matcher = Matcher(load_policies([tmp_path])[0])
    found = triage(mail, matcher, FixedCustomers({}), fixed_language="en")
    reasons = [(why.id, why.weight) for why in found.why if why.facet == "priority"]
    shown = [(name, float(points)) for name, points in REASON.findall(example)]
    assert shown == [("the start", POLICY["base"]), *reasons]
    assert f"| **score** | **{found.score}, {found.priority}** |" in example


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_signal_of_a_robot_is_understood(block: str, tmp_path: Path) -> None:
    head = 'facet = "priority"\n[levels]\nurgent = 80\nhigh = 60\nnormal = 25\n'
    (tmp_path / "priority.toml").write_text(head + block, encoding="utf-8")
    policies, problems = load_policies([tmp_path])
    assert not problems
    assert policies.facets["priority"].signals[0].floor == 85
