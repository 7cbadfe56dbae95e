"""Outcomes made by hand."""

from dataclasses import replace
from typing import Any

from mailtriage.evaluation.judged import Answer, Outcome
from mailtriage.labelled.model import Example, Labels, Utterance
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Thread

NEUTRAL = Answer("en", 1.0, "general", 0.0, "normal", "neutral", "low", "human", "new")
LEVELS = {"priority": Priority, "mood": Mood, "churn": Churn, "kind": Kind, "thread": Thread}


def outcome(labels: dict[str, Any], got: dict[str, Any] | None = None, **more: Any) -> Outcome:
    """What was said about one mail, `got` over what is said of a neutral one."""
    typed: dict[str, Any] = {
        key: LEVELS[key](value) if key in LEVELS else value for key, value in labels.items()
    }
    name = str(more.pop("id", "m"))
    example = Example.of(Labels(**typed), id=name, place=f"{name}:1", source=Utterance("x"))
    return Outcome(example, replace(NEUTRAL, **(got or {})), more.pop("ms", 1.0), **more)
