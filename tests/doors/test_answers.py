"""X-Mailtriage-Answer: on every inbound mail where there are templates, and believed of nobody."""

from functools import partial
from pathlib import Path

import pytest

from mailtriage.acks.seal import read_seal
from mailtriage.commands.kb_answers import run_answers_build
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.service.load import read_everything
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.model import Status
from mailtriage.tags.vocabulary import ANSWER, SEAL

TEMPLATES = Path(__file__).parents[1] / "knowledge" / "data" / "answers"
HELP, ANN = "help@desk.example", "ann@customer.example"
MAIL = (
    b"From: Ann <ann@customer.example>\r\nTo: help@desk.example\r\nSubject: Return\r\n"
    b"Message-ID: <1@customer.example>\r\n%s\r\n"
    b"Hello,\r\n\r\nI want to return my order. Where do I get a return label?\r\n\r\nAnn\r\n"
)
FORGED = b"X-Mailtriage-Answer: free-money\r\nx-mailtriage-answer : again\r\n"
CUSTOMER, AGENT = Client("198.51.100.7"), Client("192.0.2.9")


def analyst_of(directory: Path, *, folder: bool, built: bool = True) -> Analyst:
    file = directory / "mailtriage.toml"
    answers = f'[answers]\nfolder = "{TEMPLATES}"\nindex = "{directory}/answers.idx"\n'
    networks = '[networks]\noutbound = ["192.0.2.0/24"]\n'
    file.write_text(f'{answers if folder else ""}{networks}[mailboxes."{HELP}"]\n')
    if folder and built:
        assert run_answers_build(read_everything([file]).config) == 0
    return read_everything([file]).analyst()


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    return analyst_of(tmp_path_factory.mktemp("answers"), folder=True)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    return analyst_of(tmp_path_factory.mktemp("none"), folder=False)


def analyse(analyst: Analyst, raw: bytes, client: Client = CUSTOMER) -> Analysis:
    read = partial(read_message, raw, envelope=Envelope(ANN, (HELP,)), client=client)
    return analyst.analyse(read, header_names(raw))


def answers(analysis: Analysis) -> list[str]:
    return [value for name, value in analysis.edits.insert if name == ANSWER]


def test_the_template_is_told(analyst: Analyst) -> None:
    assert answers(analyse(analyst, MAIL % b"")) == ["return-label"]


def test_what_fits_no_template_says_none(analyst: Analyst) -> None:
    other = MAIL.split(b"Hello,")[0] + b"Hello,\r\n\r\nmy kettle leaks at the lid.\r\n"
    assert answers(analyse(analyst, other.replace(b"Return", b"Kettle") % b"")) == ["none"]


def test_a_robot_is_answered_by_no_template(analyst: Analyst) -> None:
    assert answers(analyse(analyst, MAIL % b"Auto-Submitted: auto-generated\r\n")) == ["none"]


def test_without_templates_there_is_no_field(without: Analyst) -> None:
    assert answers(analyse(without, MAIL % b"")) == []


def test_before_they_are_built_every_mail_says_none(tmp_path: Path) -> None:
    early = analyst_of(tmp_path, folder=True, built=False)
    assert early.answers is None
    assert answers(analyse(early, MAIL % b"")) == ["none"]


@pytest.mark.parametrize("which", ["analyst", "without"])
@pytest.mark.parametrize("client", [CUSTOMER, AGENT], ids=["inbound", "outbound"])
def test_forged_ones_go(which: str, client: Client, request: pytest.FixtureRequest) -> None:
    analysis = analyse(request.getfixturevalue(which), MAIL % FORGED, client)
    after = apply_edits(MAIL % FORGED, analysis.edits).lower()
    assert b"free-money" not in after
    assert b"again" not in after


def test_an_answer_that_goes_out_gets_none(analyst: Analyst) -> None:
    assert analyse(analyst, MAIL % b"", AGENT).edits.insert == ()


def test_a_mail_that_passes_unread_says_none(analyst: Analyst, without: Analyst) -> None:
    headers, envelope = [("From", ANN.encode()), ("To", HELP.encode())], Envelope(ANN, (HELP,))
    for one, expected in ((analyst, ["none"]), (without, [])):
        passed = one.pass_on(
            ["From", "To"], headers, b"", envelope, CUSTOMER, "4Wx1", Status.TIMEOUT, ""
        )
        assert answers(passed) == expected


def test_a_fault_of_ours_says_none(analyst: Analyst) -> None:
    def fails() -> Mail:
        raise RuntimeError

    assert answers(analyst.analyse(fails, ["From"])) == ["none"]


def test_it_stands_under_the_seal(analyst: Analyst) -> None:
    analysis = analyse(analyst, MAIL % b"")
    assert analysis.plan is not None
    tags = dict(analysis.edits.insert)
    seal, key = tags.pop(SEAL), analysis.plan.case.key
    assert read_seal(analyst.tokens, key, tags.items(), seal) is not None
    assert read_seal(analyst.tokens, key, (tags | {ANSWER: "none"}).items(), seal) is None
    del tags[ANSWER]
    assert read_seal(analyst.tokens, key, tags.items(), seal) is None
