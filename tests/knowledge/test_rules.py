"""When the knowledge base keeps silent, whatever it has found."""

import pytest

from mailtriage.knowledge.rules import not_for_customers, not_looked_up
from mailtriage.mail.model import Mail, MailStatus
from mailtriage.triage.model import (
    Churn,
    Direction,
    Evidence,
    Kind,
    Mood,
    Priority,
    SkillScore,
    Thread,
    Triage,
)

QUESTION = Triage(skill="delivery", skills=(SkillScore("delivery", 3.0),))


def test_an_ordinary_question_is_answered() -> None:
    assert not_looked_up(QUESTION, Mail()) == ""
    assert not_for_customers(QUESTION, Mail()) == ""


@pytest.mark.parametrize(
    ("judged", "mail", "reason"),
    [
        (Triage(direction=Direction.OUTBOUND), Mail(), "outbound"),
        (Triage(kind=Kind.MACHINE), Mail(), "not-human"),
        (Triage(kind=Kind.LIST), Mail(), "not-human"),
        (Triage(kind=Kind.BOUNCE), Mail(), "not-human"),
        (Triage(), Mail(encrypted=True), "encrypted"),
        (Triage(), Mail(status=MailStatus.UNREAD), "unread"),
    ],
)
def test_nothing_is_looked_up(judged: Triage, mail: Mail, reason: str) -> None:
    assert not_looked_up(judged, mail) == reason
    assert not_for_customers(judged, mail) == reason


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (Triage(skill="complaint"), "sensitive-skill"),
        (Triage(skill="cancellation"), "sensitive-skill"),
        (Triage(skill="privacy"), "sensitive-skill"),
        (Triage(skill="billing", skills=(SkillScore("complaint", 2.0),)), "sensitive-skill"),
        (Triage(churn=Churn.HIGH), "churn"),
        (Triage(churn=Churn.MEDIUM), "churn"),
        (Triage(why=(Evidence("priority", "priority-threat", 3.0),)), "legal"),
        (Triage(why=(Evidence("churn", "churn-threat", 2.0),)), "legal"),
        (Triage(priority=Priority.URGENT), "urgent"),
        (Triage(priority=Priority.HIGH, mood=Mood.NEGATIVE), "angry"),
        (Triage(thread=Thread.CHASER), "chaser"),
    ],
)
def test_agents_are_told_and_customers_are_not(judged: Triage, reason: str) -> None:
    assert not_looked_up(judged, Mail()) == ""
    assert not_for_customers(judged, Mail()) == reason


def test_the_signals_of_lawyers_and_courts_are_there(policies_signals: frozenset[str]) -> None:
    """Whoever renames one in the policies has to rename it here."""
    assert {"priority-threat", "churn-threat"} <= policies_signals


@pytest.fixture(scope="module")
def policies_signals() -> frozenset[str]:
    """The ids of all signals of the shipped facets."""
    import tomllib

    from mailtriage.shipped import shipped_directory

    files = (shipped_directory("policies") / "facets").glob("*.toml")
    kept = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return frozenset(signal["id"] for one in kept for signal in one.get("signal", ()))
