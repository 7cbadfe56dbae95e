"""What is seen of an answer, from the analyser to the history: figures, and nothing of its text."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.commands.kb_answers import run_answers_build
from mailtriage.config.history import HistoryConfig
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, Section
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service.answered import MARK, AnswerChecks, answer_row, record_of
from mailtriage.service.history import Writing, read_records
from mailtriage.service.load import read_everything
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.recorder import Channel, Recorder
from mailtriage.state.history import open_history
from mailtriage.state.history_schema import ANSWER_COLUMNS, Answered
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.model import Edits
from mailtriage.triage.policy_set import policy_set

TEMPLATES = Path(__file__).parents[1] / "knowledge" / "data" / "answers"
HELP, ANN = "help@desk.example", "ann@customer.example"
AGENT, STRANGER = Client("192.0.2.9"), Client("198.51.100.7")
NOW = 1_790_000_000.0

ANSWER = """\
Hello Ann,

thank you for your message. You can send back your order 4711 within 30 days. Please
print the return label from your account, put it on the parcel and hand the parcel in at any post
office. The return costs you nothing. We refund the full price as soon as the parcel has arrived.

More about returns: https://help.shop.example/en/returns
Secret: https://help.shop.example/en/gone?token=abc

Kind regards
Zaphod

> I want to return my order. See https://help.shop.example/en/quoted
"""
HTML = (
    "<p>Hello Ann,</p><p>please look <a class='x' href=\"https://help.shop.example/en/lost\">here</a>"
    " or <a href='https://help.shop.example/en/returns'>there</a>.</p><p>Kind regards<br>Zaphod</p>"
)


def letter(text: str, *, kind: str = "plain", header: str = "") -> bytes:
    head = (
        f"From: Desk <{HELP}>\r\nTo: Ann <{ANN}>\r\nSubject: Re: secret order\r\n"
        f"Message-ID: <out1@desk.example>\r\nIn-Reply-To: <1@customer.example>\r\n{header}"
        f"MIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n"
    )
    return (head + text.replace("\n", "\r\n")).encode()


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    directory = tmp_path_factory.mktemp("answered")
    section = Section(
        "Send it back.", url="https://help.shop.example/en/returns", id="kb-1", language="en"
    )
    build_index([Document((section,))], directory / "kb.idx")
    file = directory / "mailtriage.toml"
    file.write_text(
        f'[answers]\nfolder = "{TEMPLATES}"\nindex = "{directory}/answers.idx"\n'
        f'[kb]\nindex = "{directory}/kb.idx"\n'
        '[networks]\noutbound = ["192.0.2.0/24"]\n'
        f'[mailboxes."{HELP}"]\n[mailboxes."try@desk.example"]\ndry_run = true\n'
    )
    assert run_answers_build(read_everything([file]).config) == 0
    return read_everything([file]).analyst()


@pytest.fixture(scope="module")
def checks(analyst: Analyst) -> AnswerChecks:
    return AnswerChecks(analyst)


def question_of(raw: bytes, sender: str = HELP, client: Client = AGENT) -> Question:
    body = raw[split_fields(raw)[1] :]
    return Question(Envelope(sender, (ANN,)), client, "4Wx1", (), (body,), complete=True)


def analysed(analyst: Analyst, raw: bytes, sender: str = HELP, client: Client = AGENT) -> Analysis:
    read = partial(read_message, raw, envelope=Envelope(sender, (ANN,)), client=client)
    return analyst.analyse(read, header_names(raw), body=raw[split_fields(raw)[1] :])


def look(analyst: Analyst, checks: AnswerChecks, raw: bytes, sender: str = HELP) -> Answered | None:
    return checks.look(analysed(analyst, raw, sender), question_of(raw, sender), NOW)


def test_all_that_is_seen_of_an_answer(analyst: Analyst, checks: AnswerChecks) -> None:
    raw = letter(ANSWER)
    analysis = analysed(analyst, raw)
    hidden = analyst.tokens.read_hidden_recipient(analysis.edits.recipient)
    assert hidden is not None
    assert checks.look(analysis, question_of(raw), NOW) == Answered(
        key=hidden.key,
        at=NOW,
        language="en",
        greeting=True,
        closing=True,
        links=2,
        kb_links=2,
        unknown=1,
        unknown_links=("https://help.shop.example/en/gone",),
        words=77,
        template="return-label",
        version=2,
        current=2,
        kept=1.0,
        added=pytest.approx(12 / 77, abs=1e-3),
    )


def test_what_the_customer_is_quoted_with_is_not_the_agents(
    analyst: Analyst, checks: AnswerChecks
) -> None:
    quoted = "".join(f"> {line}\n" for line in ANSWER.splitlines())
    seen = look(analyst, checks, letter(f"No.\n\n{quoted}"))
    assert seen is not None
    assert (seen.words, seen.links, seen.template) == (1, 0, "")
    assert not seen.greeting
    assert not seen.closing


@pytest.mark.parametrize("whole", [False, True])
def test_links_that_html_hides_behind_words_are_seen(
    analyst: Analyst, checks: AnswerChecks, whole: bool
) -> None:
    raw = letter(HTML, kind="html")
    question = question_of(raw)
    if whole:
        question = Question(question.envelope, AGENT, "4", (), (raw,), complete=True, whole=True)
    seen = checks.look(analysed(analyst, raw), question, NOW)
    assert seen is not None
    assert (seen.links, seen.kb_links, seen.unknown) == (2, 2, 1)
    assert seen.unknown_links == ("https://help.shop.example/en/lost",)
    assert (seen.words, seen.greeting, seen.closing) == (10, True, True)


@pytest.mark.parametrize(
    "raw",
    [
        letter(ANSWER, header="Auto-Submitted: auto-replied\r\n"),
        letter(ANSWER, header="Precedence: bulk\r\n"),
        letter(ANSWER, header="X-Mailtriage-Loop: x\r\n"),
        letter("> Where is my order?\n"),
        letter(""),
        letter(ANSWER)
        .replace(b"From: Desk <help@", b"From: Boss <boss@")
        .replace(b"In-Reply-To", b"X-Not-A-Reply"),
        letter("-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"),
    ],
    ids=["automatic", "bulk", "our own", "only a quote", "empty", "no answer", "encrypted"],
)
def test_what_no_human_answered_in_the_open_is_not_looked_at(
    analyst: Analyst, checks: AnswerChecks, raw: bytes
) -> None:
    sender = "boss@desk.example" if b"boss@" in raw else HELP
    assert look(analyst, checks, raw, sender) is None


def test_mail_of_strangers_is_not_looked_at(analyst: Analyst, checks: AnswerChecks) -> None:
    raw = letter(ANSWER)
    analysis = analysed(analyst, raw, HELP, STRANGER)
    assert checks.look(analysis, question_of(raw, HELP, STRANGER), NOW) is None


def test_nothing_is_done_to_an_answer(analyst: Analyst) -> None:
    raw = letter(ANSWER)
    edits = analysed(analyst, raw).edits
    assert edits == Edits(recipient=edits.recipient)
    assert apply_edits(raw, edits) == raw


class Desk:
    """An analyser's end of the channel, and the writer at the other, without their processes."""

    def __init__(self, analyst: Analyst, file: Path) -> None:
        self.file = file
        self.deltas = Deltas()
        self.channel = Channel()
        self.channel.prepare(analyst)
        self.recorder = Recorder(analyst, self.channel, self.deltas)
        policies = policy_set(analyst.matcher.policies, analyst.model)
        config = HistoryConfig(keep=14 * 86400, max_size=1 << 40)
        self.writing = Writing(file, config, policies, self.deltas, Log(stream=2))

    def close(self) -> None:
        self.channel.into.close()
        self.channel.out.close()

    def write(self) -> None:
        read_records(self.channel.out, self.writing, None)
        self.writing.write()

    def counted(self) -> dict[str, float]:
        return {"".join(one["l"]) or one["n"]: one["c"] for one in self.deltas._take()}


@pytest.fixture
def desk(analyst: Analyst, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(analyst, tmp_path / "history.db")
    yield made
    made.close()


def test_it_arrives_in_the_history_beside_the_decision(analyst: Analyst, desk: Desk) -> None:
    raw = letter(ANSWER)
    analysis = analysed(analyst, raw)
    desk.recorder.record(analysis, question_of(raw))
    desk.write()
    hidden = analyst.tokens.read_hidden_recipient(analysis.edits.recipient)
    assert hidden is not None
    with open_history(desk.file) as history:
        (decision,) = history.newest(9, direction="outbound")
        (seen,) = history.answered([hidden.key, bytes(16)]).values()
    assert decision.queue_id == "4Wx1"
    assert (seen.template, seen.unknown_links) == (
        "return-label",
        ("https://help.shop.example/en/gone",),
    )
    assert seen.at == pytest.approx(decision.at, abs=5)
    content = desk.file.read_bytes() + desk.file.with_name("history.db-wal").read_bytes()
    for secret in (b"Zaphod", b"4711", b"secret", b"token", b"Kind regards", ANN.encode()):
        assert secret not in content


def test_the_same_mail_again_is_one_answer(analyst: Analyst, desk: Desk) -> None:
    raw = letter(ANSWER)
    for _ in range(3):
        desk.recorder.record(analysed(analyst, raw), question_of(raw))
    desk.write()
    with open_history(desk.file) as history:
        number = history._connection.execute("SELECT count(*) FROM answer").fetchone()
        assert number == (1,)
        assert history.count(direction="outbound") == 3


def test_where_it_cannot_be_handed_on_it_is_counted(analyst: Analyst, desk: Desk) -> None:
    raw = letter(ANSWER)
    desk.channel.out.close()
    desk.recorder.record(analysed(analyst, raw), question_of(raw))
    assert desk.counted()["answer"] == 1


def test_switched_off_nothing_is_looked_at(analyst: Analyst, tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text(f'[answers]\nchecks = false\n[mailboxes."{HELP}"]\n')
    quiet = read_everything([file]).analyst()
    assert Channel().checks(quiet) is None
    assert Channel().checks(analyst) is not None


def test_what_was_prepared_is_for_that_analyst_alone(analyst: Analyst, tmp_path: Path) -> None:
    channel = Channel()
    channel.prepare(analyst)
    assert channel.checks(analyst) is channel.checks(analyst)
    file = tmp_path / "mailtriage.toml"
    file.write_text(f'[mailboxes."{HELP}"]\n')
    other = read_everything([file]).analyst()
    made = channel.checks(other)
    assert made is not None
    assert made.is_of(other)
    assert not made.is_of(analyst)


SEEN = Answered(
    key=bytes(16),
    at=NOW,
    language="en",
    greeting=True,
    closing=False,
    links=3,
    kb_links=2,
    unknown=1,
    unknown_links=("https://help.shop.example/x",),
    words=42,
    template="a",
    version=1,
    current=2,
    kept=0.5,
    added=0.1,
)


def test_a_record_comes_back_as_it_was() -> None:
    row = answer_row(record_of(SEEN))
    assert row == [
        bytes(16), NOW, "en", 1, 0, 3, 2, 1, "https://help.shop.example/x", 42, "a", 1, 2, 0.5, 0.1,
    ]  # fmt: skip


def crafted(**values: object) -> bytes:
    """A record of somebody who has broken out of an analyser."""
    whole = dict(zip(ANSWER_COLUMNS, json.loads(record_of(SEEN)[1:]), strict=True)) | values
    return MARK + json.dumps(list(whole.values())).encode()


@pytest.mark.parametrize(
    "values",
    [
        {"key": "00"},
        {"key": "no"},
        {"key": None},
        {"at": "NaN"},
        {"at": float("inf")},
        {"language": "en; DROP TABLE answer"},
        {"template": "Zaphod Beeblebrox"},
        {"links": -1},
        {"words": 10**9},
        {"version": 10**400},
        {"kept": []},
        {"unknown_links": "https://a.example"},
        {"unknown_links": ["https://a.example"] * 4},
        {"unknown_links": ["what the mail said"]},
        {"unknown_links": ["https://a.example/" + "x" * 999]},
        {"unknown_links": [7]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_record_that_is_none_is_thrown_away(values: dict[str, object]) -> None:
    assert answer_row(crafted()) is not None
    assert answer_row(crafted(**values)) is None


@given(st.binary(max_size=300))
def test_no_record_breaks_the_writer(record: bytes) -> None:
    answer_row(MARK + record)
