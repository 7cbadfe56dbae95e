"""Examples are judged as live mail is, and as `explain` shows it."""

import dataclasses
from pathlib import Path

import pytest

from mailtriage.commands.explain import explain_one
from mailtriage.demo.embedded import sample_files
from mailtriage.doors.analysis import Analyst
from mailtriage.doors.files import StoredMail
from mailtriage.evaluation.judged import FACETS, judge, judge_all
from mailtriage.labelled.model import Example, Labels, Stored, Utterance
from mailtriage.service.load import read_everything
from mailtriage.triage.model import Priority


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    """Of a configuration that changes nothing."""
    config = tmp_path_factory.mktemp("config") / "empty.toml"
    config.touch()
    return read_everything([config]).analyst()


def example(source: Stored | Utterance, **labels: object) -> Example:
    return Example.of(Labels(**labels), id="e", place="e:1", source=source)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("file", sample_files(), ids=lambda file: file.stem)
def test_the_answer_is_that_of_explain(analyst: Analyst, file: Path) -> None:
    shown, _ = explain_one(analyst, StoredMail(str(file), file.read_bytes()), "", None, "")
    outcome = judge(analyst, example(Stored(file), skill="none-of-ours"))
    assert outcome.fault == ""
    for facet in FACETS:
        assert outcome.got(facet) == str(getattr(shown.triage, facet)), facet
    assert outcome.answer.skill_confidence == shown.triage.skill_confidence
    assert outcome.answer.language_confidence == shown.triage.language_confidence


def test_the_language_of_an_utterance_is_detected_whatever_its_label(analyst: Analyst) -> None:
    text = "Wo bleibt mein Paket? Es sollte gestern geliefert werden."
    outcome = judge(analyst, example(Utterance(text), language="sv", newest_text="x"))
    assert outcome.answer.language == "de"
    assert outcome.is_wrong("language")
    assert (outcome.newest_exact, outcome.newest_f1) == (None, None), "it is all newest text"


def test_the_subject_of_an_utterance_is_read(analyst: Analyst) -> None:
    outcome = judge(
        analyst, example(Utterance("Please have a look.", "Wrong amount on the invoice"))
    )
    assert outcome.answer.skill == "billing"


def test_the_newest_text_is_compared_with_white_space_folded(
    analyst: Analyst, tmp_path: Path
) -> None:
    file = tmp_path / "a.eml"
    file.write_bytes(
        b"From: a@b.example\nSubject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"
        b"Thank you,  it works.\n\nOn Mon, 3 Feb 2025, Desk <d@e.example> wrote:\n> Please try.\n"
    )
    exact = judge(analyst, example(Stored(file), newest_text="Thank you, it\nworks.\n"))
    assert (exact.newest_exact, exact.newest_f1) == (True, 1.0)
    longer = judge(analyst, example(Stored(file), newest_text="Thank you, it works. Bye"))
    # four of five words: 2 · 4 / (5 + 4)
    assert longer.newest_exact is False
    assert longer.newest_f1 == pytest.approx(8 / 9)


def test_of_a_wrong_answer_the_rules_are_kept_and_no_word_of_the_mail(analyst: Analyst) -> None:
    secret = "Zanzibarquux"
    text = f"The amount on the invoice is wrong, please send a corrected invoice. {secret}"
    outcome = judge(
        analyst, example(Utterance(text, secret), skill="sales", priority=Priority.URGENT)
    )
    evidence = [reason for facet, reason in outcome.why if facet == "skill"]
    assert 1 <= len(evidence) <= 3
    assert any(reason.startswith("billing-") for reason in evidence)
    assert '"' not in repr(outcome.why).replace("'", "")
    assert "invoice is" not in repr(outcome.why)
    assert secret.lower() not in repr(outcome.why).lower()
    right = judge(analyst, example(Utterance(text), skill="billing"))
    assert right.why == ()


def test_a_file_that_is_gone_is_told_and_left_out(analyst: Analyst, tmp_path: Path) -> None:
    gone = example(Stored(tmp_path / "gone.eml"), skill="sales")
    told: list[str] = []
    found = list(
        judge_all(analyst, [gone, example(Utterance("Hello"), skill="sales")], told.append)
    )
    assert len(found) == 1
    assert told == [f"{tmp_path / 'gone.eml'}: no such file or directory"]


def test_a_fault_of_ours_has_a_name(analyst: Analyst) -> None:
    broken = dataclasses.replace(analyst, matcher=None)  # type: ignore[arg-type]  # that is the fault
    outcome = judge(broken, example(Utterance("Hello, where is my parcel?"), skill="sales"))
    assert outcome.fault.startswith("AttributeError")


def test_where_no_skill_was_chosen_the_reasons_are_those_of_the_others(analyst: Analyst) -> None:
    text = "My invoice is wrong. My parcel has not arrived."
    outcome = judge(analyst, example(Utterance(text), skill="none-of-ours"))
    rules = [reason for facet, reason in outcome.why if facet == "skill"]
    assert 1 <= len(rules) <= 3
    assert all(rule.split("-")[0].split()[0] in {"billing", "delivery", "model"} for rule in rules)
