"""All facets together: how one's finding bears on another's, and that the result is pure."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.mail.model import Mail
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import FACET_VALUES
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import (
    Churn,
    Direction,
    Kind,
    Mood,
    Priority,
    Thread,
    Tier,
    Triage,
)

MakeMail = Callable[..., Mail]

POLICIES = {
    "billing": """
        skill = "billing"
        signal = [
          { id = "invoice", weight = 3, topic = "invoice", words.en = ["invoice*"] },
          { id = "rechnung", weight = 3, words.de = ["*rechnung*"] },
        ]
    """,
    "sales": """
        skill = "sales"
        signal = [{ id = "offer", weight = 3, words.en = ["offer*"] }]
    """,
    "priority": """
        facet = "priority"
        base = 40
        levels = { urgent = 80, high = 60, normal = 20 }
        adjust = { tier-vip = 15, mood-negative = 10, churn-high = 10, marked-urgent = 5 }
        signal = [{ id = "danger", weight = 20, floor = 85, words.en = ["gas leak"] }]
    """,
    "mood": """
        facet = "mood"
        levels = { positive = 2, negative = -2 }
        signal = [{ id = "anger", weight = -2, words.en = ["furious"] }]
    """,
    "churn": """
        facet = "churn"
        levels = { high = 3, medium = 1 }
        signal = [{ id = "leaving", weight = 3, words.en = ["leaving you"] }]
    """,
    "kind": """
        facet = "kind"
        levels = { machine = 3, bounce = 3, list = 3 }
        signal = [{ id = "away", weight = 3, kind = "machine", words.en = ["out of office"] }]
    """,
    "thread": """
        facet = "thread"
        levels = { chaser = 3 }
        signal = [{ id = "still-waiting", weight = 3, words.en = ["still waiting"] }]
    """,
}
CUSTOMERS = FixedCustomers({"big.example": Tier.VIP})


@pytest.fixture
def matcher(tmp_path: Path) -> Matcher:
    for name, text in POLICIES.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return Matcher(load_policies([tmp_path])[0])


@pytest.fixture
def judge(matcher: Matcher) -> Callable[..., Triage]:
    return lambda mail, **options: triage(mail, matcher, CUSTOMERS, **options)


ANGRY = (
    "I am furious about your invoice and still waiting for an answer. I am leaving you for good."
)


def test_everything_that_a_human_mail_says(judge: Callable[..., Triage], mail: MakeMail) -> None:
    found = judge(mail("X-Priority: 1", text=ANGRY, from_address="anna@big.example"))
    assert replace(found, why=(), language_confidence=0.0) == Triage(
        direction=Direction.INBOUND,
        language="en",
        skill="billing",
        skill_confidence=1.0,
        skills=found.skills,
        priority=Priority.URGENT,
        score=80,
        tier=Tier.VIP,
        churn=Churn.HIGH,
        mood=Mood.NEGATIVE,
        kind=Kind.HUMAN,
        thread=Thread.CHASER,
        topic="invoice",
        sender_marked=Priority.URGENT,
    )


def test_every_facet_says_why(judge: Callable[..., Triage], mail: MakeMail) -> None:
    found = judge(mail(text=ANGRY, from_address="anna@big.example"))
    facets = {evidence.facet for evidence in found.why}
    assert facets == {"language", "skill", "priority", "churn", "mood", "thread", "tier"}


@pytest.mark.parametrize(
    "field", ["Auto-Submitted: auto-replied", "List-Id: <users.lists.example>"]
)
def test_what_no_human_wrote_has_no_skill_mood_churn_or_hurry(
    judge: Callable[..., Triage], mail: MakeMail, field: str
) -> None:
    found = judge(mail(field, text=f"{ANGRY} Gas leak!", from_address="anna@big.example"))
    assert (found.skill, found.skills, found.topic) == ("general", (), "none")
    assert (found.mood, found.churn, found.thread) == (Mood.NEUTRAL, Churn.LOW, Thread.NEW)
    assert (found.priority, found.score) == (Priority.LOW, 5)
    assert (found.language, found.tier) == ("en", Tier.VIP)


def test_a_robots_answer_to_our_mail_is_a_reply(
    judge: Callable[..., Triage], mail: MakeMail
) -> None:
    found = judge(
        mail("Auto-Submitted: auto-replied", text=ANGRY, references=("<1@desk.example>",))
    )
    assert found.thread is Thread.REPLY


def test_words_of_other_languages_count_only_when_the_language_is_not_sure(
    judge: Callable[..., Triage], mail: MakeMail
) -> None:
    english = "Please have a look at the Rechnung that came with the parcel last week."
    assert judge(mail(text=english)).skill == "general"
    assert judge(mail(text="Rechnung 4711")).skill == "billing"
    assert judge(mail(text=english), fixed_language="de").skill == "billing"


def test_a_mailbox_gives_only_its_own_skills(judge: Callable[..., Triage], mail: MakeMail) -> None:
    asked = mail(text="Please send the invoice for your special offer to our new address.")
    assert judge(asked).skill == "general"  # two that tie
    assert judge(asked, skills=("sales",)).skill == "sales"


def test_the_evidence_quotes_the_mail_only_when_asked(
    judge: Callable[..., Triage], mail: MakeMail
) -> None:
    assert "furious" not in repr(judge(mail(text=ANGRY)).why)
    assert "furious" in repr(judge(mail(text=ANGRY), quote=True).why)


def test_the_direction_is_what_the_door_says(judge: Callable[..., Triage], mail: MakeMail) -> None:
    assert judge(mail(), direction=Direction.OUTBOUND).direction is Direction.OUTBOUND


def test_the_same_mail_gives_the_same_result(judge: Callable[..., Triage], mail: MakeMail) -> None:
    first = judge(mail(text=ANGRY), quote=True)
    judge(mail(text="Something else altogether, in between."))
    assert judge(mail(text=ANGRY), quote=True) == first


def test_the_same_mail_gives_the_same_result_in_every_process(tmp_path: Path) -> None:
    """Where sets are ordered by the hash seed, the order of evidence would change with it."""
    for name, text in POLICIES.items():
        (tmp_path / f"{name}.toml").write_text(text)
    program = f"""
from pathlib import Path
from mailtriage.mail.model import Attachment, Mail
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
mail = Mail(subject="Invoice, offer", newest_text={ANGRY!r},
            attachments=(Attachment("invoice.pdf", "application/pdf", 1),))
matcher = Matcher(load_policies([Path({str(tmp_path)!r})])[0])
print(triage(mail, matcher, FixedCustomers({{}}), quote=True))
"""
    results = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(results) == 1
    assert "furious" in results.pop()


def test_policies_and_triage_use_the_same_words() -> None:
    assert {
        "priority": tuple(Priority),
        "mood": tuple(Mood),
        "churn": tuple(Churn),
        "kind": tuple(Kind),
        "thread": tuple(Thread),
    } == FACET_VALUES
