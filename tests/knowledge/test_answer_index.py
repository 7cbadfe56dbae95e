"""The index of answer templates: what is suggested for a mail, and what is not."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.config.answers import AnswersConfig
from mailtriage.knowledge.answer_choice import suggest_answer
from mailtriage.knowledge.answer_index import AnswerIndex, build_answers, open_answers
from mailtriage.knowledge.answers import Template, Templates, read_templates
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, KnowledgeError, Section
from mailtriage.mail.model import Mail
from mailtriage.triage.model import Direction, Kind, Triage

FOLDER = Path(__file__).parent / "data" / "answers"
SETTINGS = AnswersConfig(FOLDER, Path("unused"), 0.30, checks=True)
BACK = "I want to return my order. Where do I get a return label?"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> AnswerIndex:
    file = tmp_path_factory.mktemp("answers") / "answers.idx"
    build_answers(read_templates(FOLDER), file, heading_weight=2.0)
    return open_answers(file)


def mail(text: str, subject: str = "") -> Mail:
    return Mail(subject=subject, text=text, newest_text=text)


def judged(skill: str, language: str = "en", topic: str = "none") -> Triage:
    return Triage(skill=skill, language=language, topic=topic)


def suggested(index: AnswerIndex, text: str, about: Triage, section: str = "") -> str:
    return suggest_answer(index, mail(text), about, section, SETTINGS)


def test_a_question_that_a_template_names_finds_it(index: AnswerIndex) -> None:
    assert suggested(index, BACK, judged("returns")) == "return-label"
    assert suggested(index, "I have lost my invoice.", judged("billing")) == "invoice-copy"


def test_the_same_id_is_found_in_each_language(index: AnswerIndex) -> None:
    text = "Guten Tag, wo bekomme ich ein Rücksendeetikett?"
    assert suggested(index, text, judged("returns", "de")) == "return-label"
    assert suggested(index, text, judged("returns", "fr")) == ""


def test_a_template_of_another_skill_is_not_suggested(index: AnswerIndex) -> None:
    assert suggested(index, BACK, judged("billing")) == ""


def test_a_general_template_is_for_every_skill(index: AnswerIndex) -> None:
    for skill in ("sales", "general", "technical"):
        assert suggested(index, "When do you open?", judged(skill)) == "opening-hours"


def test_a_template_with_topics_is_for_no_mail_of_another_one(index: AnswerIndex) -> None:
    assert suggested(index, BACK, judged("returns", topic="return")) == "return-label"
    assert suggested(index, BACK, judged("returns", topic="exchange")) == ""


def test_what_no_template_answers_gets_none(index: AnswerIndex) -> None:
    assert suggested(index, "My parcel is wet and the radio is broken.", judged("returns")) == ""
    assert suggested(index, "", judged("returns")) == ""


def test_the_section_of_the_knowledge_base_names_its_template(index: AnswerIndex) -> None:
    text = "It does not fit."
    assert suggested(index, text, judged("returns")) == ""
    assert suggested(index, text, judged("returns"), "kb-send-back") == "return-label"
    assert suggested(index, text, judged("returns"), "kb-other") == ""
    assert suggested(index, text, judged("billing"), "kb-send-back") == ""
    assert suggested(index, text, judged("returns", "fi"), "kb-send-back") == ""


def test_a_section_that_two_templates_name_decides_nothing(tmp_path: Path) -> None:
    both = [
        Template(name, name, "en", "general", 1, (), ("kb-1",), (), ("Dear", name), f"{name}.md")
        for name in ("first", "second")
    ]
    build_answers(Templates(tuple(both)), tmp_path / "a.idx", heading_weight=2.0)
    found = open_answers(tmp_path / "a.idx")
    assert suggested(found, "It does not fit.", judged("general"), "kb-1") == ""


@pytest.mark.parametrize(
    "about",
    [
        replace(judged("returns"), kind=Kind.MACHINE),
        replace(judged("returns"), kind=Kind.LIST),
        replace(judged("returns"), direction=Direction.OUTBOUND),
    ],
    ids=["machine", "list", "outbound"],
)
def test_nothing_is_looked_up_for_what_no_customer_wrote(index: AnswerIndex, about: Triage) -> None:
    assert suggested(index, BACK, about, "kb-send-back") == ""


def test_the_threshold_decides(index: AnswerIndex) -> None:
    vague = "Hello, how can I send my shoes back? Ann"
    low, high = replace(SETTINGS, threshold=0.05), replace(SETTINGS, threshold=1.0)
    for settings, expected in ((low, "return-label"), (high, "")):
        found = suggest_answer(index, mail(vague), judged("returns"), "", settings)
        assert found == expected


def test_a_fault_of_the_index_is_no_fault_of_the_mail(index: AnswerIndex) -> None:
    class Broken:
        def find(self, *_: object, **__: object) -> str:
            raise MemoryError

    assert suggest_answer(Broken(), mail(BACK), judged("returns"), "", SETTINGS) == ""  # type: ignore[arg-type] # an index that raises


def test_every_version_can_be_told_in_an_answer(index: AnswerIndex) -> None:
    for one in read_templates(FOLDER).all:
        match = index.matcher.match(one.text)
        assert match is not None
        assert (match.id, match.version) == (one.id, one.version)


def test_another_process_opens_it_again(index: AnswerIndex) -> None:
    again = pickle.loads(pickle.dumps(index))
    assert again.told == index.told


def test_an_index_of_help_pages_is_none_of_templates(tmp_path: Path) -> None:
    section = Section("Send it back.", heading="Returns", id="kb-1", language="en")
    build_index([Document((section,))], tmp_path / "kb.idx")
    with pytest.raises(KnowledgeError, match=r"holds no answer templates; build it"):
        open_answers(tmp_path / "kb.idx")


def test_a_damaged_index_is_refused(index: AnswerIndex, tmp_path: Path) -> None:
    whole = index.knowledge.file.read_bytes()
    file = tmp_path / "a.idx"
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(KnowledgeError):
            open_answers(file)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(KnowledgeError):
        open_answers(file)
