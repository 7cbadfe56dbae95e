"""What the knowledge base says to a mail, on its whole way: the tag, the seal, the link."""

import re
import time
from email import message_from_bytes
from functools import partial
from pathlib import Path

import pytest

from mailtriage.acks.preview import preview
from mailtriage.acks.seal import read_seal
from mailtriage.acks.suggested import link_of, suggest
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.knowledge.search import KnowledgeIndex
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service.load import read_everything
from mailtriage.tags.apply import header_names

PAGES = {
    "delivery.md": """\
# Delivery

## How do I change my delivery address?

As long as your parcel has not left our warehouse you can change the delivery address yourself. Open
the order in your account and choose "Change delivery address".

## How do I track my parcel?

The tracking number is in the mail that tells you that your parcel is on its way. Enter it on the
page of the carrier.
""",
    "invoices.md": """\
# Invoices

## Where do I find my invoice?

Every invoice is kept in your account under "My orders". Choose the order and then "Invoice as PDF".

## How do I get an invoice with a VAT number?

Write your VAT number into the field "Company" before you pay. It cannot be added later.
""",
    "returns.md": """\
# Returns

## How do I send an item back?

Print the return label in your account, stick it on the box and hand it in at any parcel shop within
thirty days.
""",
}

HEAD = """\
Authentication-Results: mx.desk.example; dmarc=pass header.from=customer.example;
\tspf=pass smtp.mailfrom=customer.example
From: Ann Smith <ann@customer.example>
To: help@desk.example
Subject: {subject}
Message-ID: <1@customer.example>
Date: Mon, 23 Nov 2026 09:00:00 +0100
X-Mailtriage-Kb: forged

Hello,

{text}

Kind regards
Ann
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration, and the index of the help pages."""
    directory = tmp_path_factory.mktemp("kb")
    pages = directory / "pages"
    pages.mkdir()
    for name, text in PAGES.items():
        (pages / name).write_text(text)
    file = directory / "mailtriage.toml"
    file.write_text(
        f'[state]\nurl = "sqlite://{directory}/state.db"\n'
        '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'
        '[mailboxes."help@desk.example"]\n'
        f'[kb]\nindex = "{directory}/kb.idx"\nlanguage = "en"\n'
        f'sources = ["{pages}=https://help.desk.example/"]\n'
    )
    return file


@pytest.fixture(scope="module")
def analyst(files: Path) -> Analyst:
    from mailtriage.commands.kb import run_kb_build

    assert run_kb_build([files], (), None) == 0
    return read_everything([files]).analyst()


def judged(analyst: Analyst, subject: str, text: str) -> Analysis:
    message = HEAD.format(subject=subject, text=text).replace("\n", "\r\n").encode()
    return analyst.analyse(
        partial(
            read_message,
            message,
            envelope=Envelope("ann@customer.example", ("help@desk.example",)),
            client=Client("203.0.113.7"),
        ),
        header_names(message),
    )


QUESTION = ("Delivery address", "how do I change the delivery address of my parcel?")


def tag(analysis: Analysis) -> str:
    return dict(analysis.edits.insert)["X-Mailtriage-Kb"]


def test_a_question_is_tagged_with_the_section_that_answers_it(analyst: Analyst) -> None:
    found = judged(analyst, *QUESTION)
    assert re.fullmatch(r"kb-[a-z0-9_-]{1,60}", tag(found))
    assert f"kb={tag(found)};" in dict(found.edits.insert)["X-Mailtriage"]
    assert found.suggested.result == "suggested"


def test_what_nothing_answers_is_tagged_none(analyst: Analyst) -> None:
    found = judged(analyst, "Hello", "do you have a job for a gardener in Leeds?")
    assert tag(found) == "none"


def test_the_acknowledgement_links_to_the_paragraph(analyst: Analyst) -> None:
    found = judged(analyst, *QUESTION)
    assert found.plan is not None
    assert analyst.texts is not None
    shown = preview(found.plan, analyst.texts)
    assert shown is not None
    assert "How do I change my delivery address?" in shown.text
    assert "https://help.desk.example/delivery" in shown.text
    assert "As long as your parcel has not left our warehouse" in shown.text


def test_who_complains_is_told_nothing_and_the_agent_is(analyst: Analyst) -> None:
    found = judged(
        analyst,
        "Complaint",
        "this is a formal complaint, I am very disappointed. How do I change the delivery address of"
        " my parcel? If nobody answers I will cancel everything and call my lawyer.",
    )
    assert tag(found).startswith("kb-")
    assert found.suggested.link is None
    assert "kb=" not in dict(found.edits.insert)["X-Mailtriage-Seal"]


def test_the_desk_finds_the_same_paragraph_by_what_is_sealed(analyst: Analyst) -> None:
    found = judged(analyst, *QUESTION)
    assert "; kb=" in dict(found.edits.insert)["X-Mailtriage-Seal"]
    sealed = link_of(analyst.knowledge, tag(found), found.suggested.passage)
    assert sealed == found.suggested.link


@pytest.mark.parametrize(("section", "passage"), [("kb-gone", 0), ("", 0), ("kb-gone", -1)])
def test_another_edition_of_the_knowledge_base_has_no_link(
    analyst: Analyst, section: str, passage: int
) -> None:
    assert link_of(analyst.knowledge, section, passage) is None
    assert link_of(None, section, passage) is None


def test_a_paragraph_that_is_not_there_any_more_is_no_link(analyst: Analyst) -> None:
    found = judged(analyst, *QUESTION)
    assert link_of(analyst.knowledge, tag(found), 99) is None


def test_a_damaged_index_costs_the_suggestion_alone(files: Path, analyst: Analyst) -> None:
    index = analyst.config.kb.index
    good = index.read_bytes()
    try:
        index.write_bytes(good[: len(good) // 2])
        everything = read_everything([files])
        assert any("kb.index" in str(problem) for problem in everything.problems)
        assert tag(judged(everything.analyst(), *QUESTION)) == "none"
    finally:
        index.write_bytes(good)


def test_without_a_knowledge_base_nothing_is_looked_up(analyst: Analyst) -> None:
    found = judged(analyst, *QUESTION)
    assert found.mail is not None
    nothing = suggest(None, found.mail, found.triage, analyst.config.kb)
    assert (nothing.result, nothing.id, nothing.link) == ("", "", None)
    assert isinstance(analyst.knowledge, KnowledgeIndex)


def test_the_message_that_is_sent_is_whole(analyst: Analyst) -> None:
    found = judged(analyst, *QUESTION)
    assert found.plan is not None
    assert analyst.texts is not None
    shown = preview(found.plan, analyst.texts)
    assert shown is not None
    assert message_from_bytes(shown.message)["Auto-Submitted"] == "auto-replied"


@pytest.mark.parametrize("forged", ["kb-other-page", "none", "https://evil.example/"])
def test_a_seal_does_not_hold_for_another_section(analyst: Analyst, forged: str) -> None:
    found = judged(analyst, *QUESTION)
    assert found.plan is not None
    case, shown = found.plan.case, dict(found.edits.insert)
    seal = shown.pop("X-Mailtriage-Seal")
    ours = read_seal(case.tokens, case.key, tuple(shown.items()), seal)
    assert ours is not None
    assert ours.passage == found.suggested.passage
    other = tuple((shown | {"X-Mailtriage-Kb": forged}).items())
    assert read_seal(case.tokens, case.key, other, seal) is None
    moved = re.sub(r"; kb=\d+", "; kb=1", seal)
    assert moved == seal or read_seal(case.tokens, case.key, tuple(shown.items()), moved) is None


@pytest.mark.parametrize(
    "piece",
    ["w{n}x ", "invoice? ", "a", "我的发票", "\ufdfa", '."', "\n", "e\u0301\u0323", "\ud800", "\0"],
)
def test_the_length_of_a_mail_does_not_make_the_look_up_slower(
    analyst: Analyst, piece: str
) -> None:
    """What is beyond the first characters is not looked at at all."""
    assert analyst.knowledge is not None
    short, long = (
        "".join(piece.replace("{n}", str(n)) for n in range(count)) for count in (4096, 262_144)
    )
    times: dict[str, float] = {}
    for text in (short, long):
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            analyst.knowledge.find(text, "en", subject=text)
            taken.append(time.perf_counter() - begun)
        times[text] = min(taken)
    assert times[long] < 4 * times[short] + 0.002
