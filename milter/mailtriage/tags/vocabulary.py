"""Our header vocabulary (docs/headers.md): Triage to the fields that every inbound mail gets.

One summary line and one field a fact, the negative case included: a mail without them is one that
mailtriage never saw. Helpdesks and filters of others read these names and values; they do not
change.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mailtriage.tags.model import Status
from mailtriage.triage.model import Evidence, Triage
from mailtriage.triage.skill import OTHER_SKILL

PREFIX: Final = "X-Mailtriage"

SEAL: Final = f"{PREFIX}-Seal"
"""The signature over the other fields, which `edits` fills in."""

DRY_RUN: Final = f"{PREFIX}-Dry-Run"
"""What a mail would have got; only where something is only tried ([dry_run])."""

ANSWER: Final = f"{PREFIX}-Answer"
"""The template that is suggested to agents; on every mail where there are templates ([answers]
folder), and on none where there are not."""

MAX_VALUE: Final = 200
"""Characters of a value. Some relays cap a header at 870 bytes; filters in helpdesks far below."""

MAX_NAME_OF_SKILL: Final = 40
MAX_LANGUAGE: Final = 8
MAX_KB: Final = 30
MAX_ACK: Final = 9
MAX_RULE: Final = 4
"""Characters; with these the summary line stays below MAX_VALUE, whatever is in it."""

NONE: Final = "none"

_ROUTED: Final = " routed=1;"
_NOT_A_TOKEN: Final = re.compile(r"[^a-z0-9_-]+")

# Evidence that decided nothing of what a reader of X-Mailtriage-Why wants to know.
_NOT_WORTH_TELLING: Final = frozenset({"language", OTHER_SKILL})


@lru_cache(maxsize=4096)
def token(text: str, longest: int = MAX_NAME_OF_SKILL) -> str:
    """The text as one `[a-z0-9_-]` word, which nobody can misread as a delimiter or a pattern."""
    return _NOT_A_TOKEN.sub("-", text.lower())[:longest].strip("-") or NONE


def fields(
    triage: Triage,
    status: Status = Status.OK,
    *,
    kb: str = NONE,
    ack: str = NONE,
    ack_rule: str = NONE,
    answer: str = "",
) -> tuple[tuple[str, str], ...]:
    """The header fields (name, value) in their fixed order.

    `ack_rule`: the id of the rule that forbids an acknowledgement ("B5"), in lower case here like
    every value. `answer`: id of a template, or "none"; empty: there are no templates, and no field.
    """
    language, skill = token(triage.language, MAX_LANGUAGE), token(triage.skill)
    kb, ack = token(kb, MAX_KB), token(ack, MAX_ACK)
    score = _score(triage)
    return (
        (PREFIX, _summary(triage, score, language, skill, kb, ack)),
        (f"{PREFIX}-Priority", str(triage.priority)),
        (f"{PREFIX}-Score", score),
        (f"{PREFIX}-Language", language),
        (f"{PREFIX}-Skill", skill),
        (f"{PREFIX}-Skills", _closed(entry.name for entry in triage.skills) or f"{skill};"),
        (f"{PREFIX}-Tier", str(triage.tier)),
        (f"{PREFIX}-Churn", str(triage.churn)),
        (f"{PREFIX}-Mood", str(triage.mood)),
        (f"{PREFIX}-Topic", token(triage.topic)),
        (f"{PREFIX}-Kb", kb),
        *(((ANSWER, token(answer, MAX_KB)),) if answer else ()),
        (f"{PREFIX}-Kind", str(triage.kind)),
        (f"{PREFIX}-Thread", str(triage.thread)),
        (f"{PREFIX}-Ack", ack),
        (f"{PREFIX}-Ack-Rule", token(ack_rule, MAX_RULE)),
        (f"{PREFIX}-Route", f"{skill}-{language}"),
        (f"{PREFIX}-Sender-Marked", str(triage.sender_marked or NONE)),
        (f"{PREFIX}-Why", _reasons(triage.why)),
        (SEAL, NONE),
        (f"{PREFIX}-Status", str(status)),
    )


def dry_run_value(
    triage: Triage,
    status: Status = Status.OK,
    *,
    kb: str = NONE,
    ack: str = NONE,
    routed: bool = False,
) -> str:
    """The value of `DRY_RUN`: the summary line that the mail would have had, and behind it whether
    it would have gone to the address of its route, and the status unless it is ok. These two only
    as far as there is room: with the longest names that there can be there is none."""
    language, skill = token(triage.language, MAX_LANGUAGE), token(triage.skill)
    kb, ack = token(kb, MAX_KB), token(ack, MAX_ACK)
    value = _summary(triage, _score(triage), language, skill, kb, ack)
    if routed and len(value) + len(_ROUTED) <= MAX_VALUE:
        value += _ROUTED
    more = f" status={status};"
    return value if status is Status.OK or len(value) + len(more) > MAX_VALUE else value + more


def _score(triage: Triage) -> str:
    return f"{max(0, min(100, triage.score)):03d}"


def _summary(triage: Triage, score: str, language: str, skill: str, kb: str, ack: str) -> str:
    return (
        f"v=1; prio={triage.priority}; score={score}; lang={language}; skill={skill}; "
        f"tier={triage.tier}; churn={triage.churn}; mood={triage.mood}; kind={triage.kind}; "
        f"kb={kb}; ack={ack};"
    )


def _closed(names: Iterable[str]) -> str:
    """Every token closed by ";", as many as fit: `contains "billing;"` cannot hit "billing-de;"."""
    value = ""
    for name in names:
        longer = f"{value} {token(name)};".lstrip()
        if len(longer) > MAX_VALUE:
            break
        value = longer
    return value


def _reasons(why: Iterable[Evidence]) -> str:
    """The ids of what decided, the weightiest first within its facet, each once, as many as fit."""
    value = ""
    seen: set[str] = set()
    for evidence in why:
        name = token(evidence.id)
        if evidence.facet in _NOT_WORTH_TELLING or name in seen:
            continue
        seen.add(name)
        longer = f"{value}, {name}" if value else name
        if len(longer) > MAX_VALUE:
            break
        value = longer
    return value or NONE


NAMES: Final = tuple(name for name, _ in fields(Triage()))
"""Every name that `fields` always gives, in order."""

ALL_NAMES: Final = (*(name for name, _ in fields(Triage(), answer=NONE)), DRY_RUN)
"""Every name that a field of ours can have."""
