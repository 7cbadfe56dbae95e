"""The template that agents were told is remembered with the mail, under the seal and not otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.knowledge.answer_index import build_answers, open_answers
from mailtriage.knowledge.answers import read_templates
from tests.support.office import ONE_MAILBOX, Office, letter, open_office

TEMPLATES = Path(__file__).parents[1] / "knowledge" / "data" / "answers"
BACK = "Hello,\n\nI want to return my order. Where do I get a return label?\n"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    index = tmp_path / "answers.idx"
    build_answers(read_templates(TEMPLATES), index, heading_weight=2.0)
    toml = f'{ONE_MAILBOX}\n[answers]\nfolder = "{TEMPLATES}"\nindex = "{index}"\n'
    with open_office(tmp_path, toml) as opened:
        opened.analyst = replace(opened.analyst, answers=open_answers(index))
        yield opened


def remembered(office: Office) -> list[str]:
    return [answer for (answer,) in office.query("SELECT answer FROM mail")]


def test_it_is_remembered(office: Office) -> None:
    taken = office.take(letter(BACK))
    assert taken.tags["X-Mailtriage-Answer"] == "return-label"
    office.deliver(taken.copy())
    assert remembered(office) == ["return-label"]


def test_none_is_nothing(office: Office) -> None:
    taken = office.take(letter("Hello, my kettle leaks at the lid.\n"))
    assert taken.tags["X-Mailtriage-Answer"] == "none"
    office.deliver(taken.copy())
    assert remembered(office) == [""]


def test_what_somebody_else_wrote_there_is_not_believed(office: Office) -> None:
    taken = office.take(letter(BACK))
    copy = taken.copy()
    forged = copy.message.replace(b"Answer: return-label", b"Answer: free-money")
    office.deliver(replace(copy, message=forged))
    assert remembered(office) == [""]
