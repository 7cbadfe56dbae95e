"""Which values a correction may have, and what is said of one that it may not."""

import re
from collections.abc import Collection
from typing import Final

from mailtriage.classifier.model import Classifier
from mailtriage.policies.model import GENERAL, Policies
from mailtriage.state.feedback import FACETS, Facet
from mailtriage.toml_source import did_you_mean
from mailtriage.triage.language_detectors import KNOWN, our_code
from mailtriage.triage.model import Priority

GOOD, BAD = "good", "bad"
_TEMPLATE: Final = re.compile(r"[a-z0-9_-]{1,200}")
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*")  # BCP 47


def known_skills(policies: Policies, model: Classifier | None) -> tuple[str, ...]:
    """Every skill that a mail may get, in the order of the policies; "general" comes last."""
    learned = model.labels("skill") if model else ()
    names = [*(policy.name for policy in policies.skills), *learned]
    return tuple(dict.fromkeys((*(name for name in names if name != GENERAL), GENERAL)))


def facet_of(name: str) -> Facet | None:
    """The facet of that name; None when it cannot be corrected."""
    return next((facet for facet in FACETS if facet == name), None)


def corrected_value(facet: Facet, text: str, skills: Collection[str]) -> str:
    """The value as it is kept. Raises ValueError, whose text says what was probably meant."""
    value = text.strip().lower()
    match facet:
        case "skill":
            return _one_of(value, skills, "skill")
        case "priority":
            return _one_of(value, [str(level) for level in Priority], "priority")
        case "language":
            found = _LANGUAGE.fullmatch(value)
            code = found[1] if found else ""
            code = our_code(code)
            if code not in (*KNOWN.split(","), "nb"):
                raise ValueError(f"'{text}' is no language that is told apart: write \"sv\"")
            return code
        case "answer":
            if not _TEMPLATE.fullmatch(value):
                raise ValueError(f"'{text}' is neither good nor bad, nor the id of a template")
            return value


def _one_of(value: str, known: Collection[str], what: str) -> str:
    if value in known:
        return value
    hint = did_you_mean(value, known) or f"one of {', '.join(known)}"
    raise ValueError(f"no {what} is called '{value}' — {hint}")
