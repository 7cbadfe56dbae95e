"""The fields to the letter: names, order, values, and what they can never hold."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.tags.lint import lint
from mailtriage.tags.model import Status
from mailtriage.tags.vocabulary import ALL_NAMES, MAX_VALUE, NAMES, fields, token
from mailtriage.triage.model import (
    Churn,
    Evidence,
    Kind,
    Mood,
    Priority,
    SkillScore,
    Thread,
    Tier,
    Triage,
)
from mailtriage.triage.skill import OTHER_SKILL

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "headers.md"

FULL = Triage(
    language="de",
    skill="billing",
    skills=(SkillScore("billing", 6.0), SkillScore("refund", 3.0)),
    priority=Priority.URGENT,
    score=87,
    tier=Tier.VIP,
    churn=Churn.HIGH,
    mood=Mood.NEGATIVE,
    kind=Kind.HUMAN,
    thread=Thread.CHASER,
    topic="invoice",
    sender_marked=Priority.HIGH,
    why=(
        Evidence("language", "text", 0.9),
        Evidence("skill", "invoice-word", 4.0),
        Evidence("skill", "ocr-number", 1.5),
        Evidence(OTHER_SKILL, "parcel-word", 1.0),
        Evidence("priority", "tier-vip", 15.0),
        Evidence("tier", "customer-list", 1.0),
    ),
)


def test_all_fields_in_their_order() -> None:
    assert fields(FULL, kb="kb-1042", ack="skipped", ack_rule="B5") == (
        (
            "X-Mailtriage",
            (
                "v=1; prio=urgent; score=087; lang=de; skill=billing; tier=vip; churn=high; "
                "mood=negative; kind=human; kb=kb-1042; ack=skipped;"
            ),
        ),
        ("X-Mailtriage-Priority", "urgent"),
        ("X-Mailtriage-Score", "087"),
        ("X-Mailtriage-Language", "de"),
        ("X-Mailtriage-Skill", "billing"),
        ("X-Mailtriage-Skills", "billing; refund;"),
        ("X-Mailtriage-Tier", "vip"),
        ("X-Mailtriage-Churn", "high"),
        ("X-Mailtriage-Mood", "negative"),
        ("X-Mailtriage-Topic", "invoice"),
        ("X-Mailtriage-Kb", "kb-1042"),
        ("X-Mailtriage-Kind", "human"),
        ("X-Mailtriage-Thread", "chaser"),
        ("X-Mailtriage-Ack", "skipped"),
        ("X-Mailtriage-Ack-Rule", "b5"),
        ("X-Mailtriage-Route", "billing-de"),
        ("X-Mailtriage-Sender-Marked", "high"),
        ("X-Mailtriage-Why", "invoice-word, ocr-number, tier-vip, customer-list"),
        ("X-Mailtriage-Seal", "none"),
        ("X-Mailtriage-Status", "ok"),
    )


def test_the_template_stands_behind_the_section_where_there_are_templates() -> None:
    with_answer = fields(FULL, kb="kb-1042", answer="refund-late")
    place = with_answer.index(("X-Mailtriage-Answer", "refund-late"))
    assert with_answer[place - 1] == ("X-Mailtriage-Kb", "kb-1042")
    assert (*with_answer[:place], *with_answer[place + 1 :]) == fields(FULL, kb="kb-1042")
    assert ("X-Mailtriage-Answer", "none") in fields(Triage(), answer="none")


def test_the_negative_case_says_so_in_every_field() -> None:
    assert dict(fields(Triage(), Status.TIMEOUT)) == {
        "X-Mailtriage": (
            "v=1; prio=normal; score=000; lang=und; skill=general; tier=unknown; churn=low; "
            "mood=neutral; kind=human; kb=none; ack=none;"
        ),
        "X-Mailtriage-Priority": "normal",
        "X-Mailtriage-Score": "000",
        "X-Mailtriage-Language": "und",
        "X-Mailtriage-Skill": "general",
        "X-Mailtriage-Skills": "general;",
        "X-Mailtriage-Tier": "unknown",
        "X-Mailtriage-Churn": "low",
        "X-Mailtriage-Mood": "neutral",
        "X-Mailtriage-Topic": "none",
        "X-Mailtriage-Kb": "none",
        "X-Mailtriage-Kind": "human",
        "X-Mailtriage-Thread": "new",
        "X-Mailtriage-Ack": "none",
        "X-Mailtriage-Ack-Rule": "none",
        "X-Mailtriage-Route": "general-und",
        "X-Mailtriage-Sender-Marked": "none",
        "X-Mailtriage-Why": "none",
        "X-Mailtriage-Seal": "none",
        "X-Mailtriage-Status": "timeout",
    }


@pytest.mark.parametrize(
    ("score", "written"),
    [(0, "000"), (7, "007"), (42, "042"), (100, "100"), (-3, "000"), (999, "100")],
)
def test_the_score_has_three_digits(score: int, written: str) -> None:
    found = dict(fields(Triage(score=score)))
    assert found["X-Mailtriage-Score"] == written
    assert f"score={written};" in found["X-Mailtriage"]


def test_a_skill_that_leads_too_little_is_still_among_the_skills() -> None:
    tie = Triage(skills=(SkillScore("billing", 4.0), SkillScore("sales", 4.0)))
    found = dict(fields(tie))
    assert found["X-Mailtriage-Skill"] == "general"
    assert found["X-Mailtriage-Skills"] == "billing; sales;"


def test_what_does_not_fit_is_left_out_whole() -> None:
    ids = [f"rule-number-{number}" for number in range(40)]
    crowded = Triage(
        skills=tuple(SkillScore(name, 1.0) for name in ids),
        why=tuple(Evidence("mood", name, 1.0) for name in ids),
    )
    found = dict(fields(crowded))
    skills = found["X-Mailtriage-Skills"].rstrip(";").split("; ")
    reasons = found["X-Mailtriage-Why"].split(", ")
    assert skills == ids[: len(skills)]
    assert reasons == ids[: len(reasons)]
    assert min(len(skills), len(reasons)) > 5


def test_each_reason_is_named_once() -> None:
    twice = Triage(why=(Evidence("mood", "anger", -2.0), Evidence("churn", "anger", 1.0)))
    assert dict(fields(twice))["X-Mailtriage-Why"] == "anger"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("billing", "billing"),
        ("Billing", "billing"),
        ("a b;c", "a-b-c"),
        ("--a--", "a"),
        ("Übersicht", "bersicht"),
        ("x\r\nBcc: evil", "x-bcc-evil"),
        ("İ", "i"),
        ("", "none"),
        ("\N{PILE OF POO}", "none"),
        ("a" * 500, "a" * 40),
        ("a" * 39 + "-b", "a" * 39),
    ],
)
def test_token(text: str, expected: str) -> None:
    assert token(text) == expected


ANYTHING = st.text() | st.text(st.sampled_from("ab \r\n;:=\0é\ud800İ*.|"))
ANY_TRIAGE = st.builds(
    Triage,
    language=ANYTHING,
    skill=ANYTHING,
    skills=st.lists(st.builds(SkillScore, name=ANYTHING, score=st.floats())).map(tuple),
    priority=st.sampled_from(Priority),
    score=st.integers(),
    tier=st.sampled_from(Tier),
    churn=st.sampled_from(Churn),
    mood=st.sampled_from(Mood),
    kind=st.sampled_from(Kind),
    thread=st.sampled_from(Thread),
    topic=ANYTHING,
    sender_marked=st.none() | st.sampled_from(Priority),
    why=st.lists(
        st.builds(Evidence, facet=ANYTHING, id=ANYTHING, weight=st.floats(), where=ANYTHING),
        max_size=40,
    ).map(tuple),
)


@given(ANY_TRIAGE, st.sampled_from(Status), ANYTHING, ANYTHING)
def test_no_value_can_hold_more_than_our_alphabet(
    triage: Triage, status: Status, kb: str, ack: str
) -> None:
    found = fields(triage, status, kb=kb, ack=ack)
    assert tuple(name for name, _ in found) == NAMES
    for name, value in found:
        assert re.fullmatch(r"[a-z0-9_=;, -]+", value), name
        assert len(value) <= MAX_VALUE, name


def test_every_word_of_every_facet_passes_the_lint() -> None:
    """Ids and topics of the shipped policies are checked where those are."""
    for values in itertools.product(Tier, Churn, Mood, Kind, Thread):
        tier, churn, mood, kind, thread = values
        triage = Triage(tier=tier, churn=churn, mood=mood, kind=kind, thread=thread)
        assert [lint(*field) for field in fields(triage)] == [[]] * len(NAMES)
    for priority, marked, status in itertools.product(Priority, (None, *Priority), Status):
        triage = Triage(priority=priority, sender_marked=marked)
        for ack in ("sent", "skipped", "delegated", "none"):
            found = fields(triage, status, ack=ack, kb="kb-1042")
            assert [lint(*field) for field in found] == [[]] * len(NAMES)


def documented() -> dict[str, str]:
    """Field to the values that docs/headers.md gives it."""
    rows = re.findall(
        r"^\| `(X-Mailtriage[\w-]*)` \| (.*?) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    return dict(rows)


def test_the_document_names_every_field_in_order() -> None:
    assert tuple(documented()) == ALL_NAMES


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("X-Mailtriage-Priority", tuple(Priority)),
        ("X-Mailtriage-Tier", tuple(Tier)),
        ("X-Mailtriage-Churn", tuple(Churn)),
        ("X-Mailtriage-Mood", tuple(Mood)),
        ("X-Mailtriage-Kind", tuple(Kind)),
        ("X-Mailtriage-Thread", tuple(Thread)),
        ("X-Mailtriage-Ack", ("sent", "skipped", "delegated", "none")),
        ("X-Mailtriage-Sender-Marked", (*Priority, "none")),
        ("X-Mailtriage-Status", tuple(Status)),
    ],
)
def test_the_document_names_every_value(field: str, values: tuple[str, ...]) -> None:
    assert sorted(re.findall(r"`([a-z]+)`", documented()[field])) == sorted(values)


def test_the_summary_line_in_the_document_is_one_that_is_sent() -> None:
    summary = fields(FULL, kb="kb-1042", ack="sent")[0]
    assert f"{summary[0]}: {summary[1]}\n" in DOCUMENT.read_text("utf-8")
