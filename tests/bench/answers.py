"""What answer templates cost: the look-up of a mail that comes in, and the look at one that goes out.

    python -m tests.bench.answers

Templates are paragraphs of XQuAD with their questions, so that the index is as hard to search as a
real one; half of them have an earlier version. CPU time, medians of rounds that take turns with
whole analyses. The look at an answer is taken after the door has its edits: no mail waits for it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.knowledge.answer_choice import suggest_answer
from mailtriage.knowledge.answer_index import build_answers, open_answers
from mailtriage.knowledge.answers import Template, Templates
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, Section
from mailtriage.knowledge.search import open_index
from mailtriage.mail.fields import split_fields
from mailtriage.mail.model import Client, Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.service.answered import AnswerChecks
from mailtriage.service.load import read_everything
from mailtriage.tags.apply import header_names
from mailtriage.triage.model import Triage
from tests.bench.kb import SHARED, Set, read_sets

ROUNDS: Final = 15
MAILS: Final = 60
PAGES: Final = 5000
AGENT: Final = Client("192.0.2.9")
HELP, ANN = "help@desk.example", "ann@customer.example"
AROUND: Final = "Hello Ms Smith,\n\n{}\n\nhttps://help.desk.example/page/7\n\nKind regards\nTom"
TOML: Final = f"""\
[networks]
outbound = ["192.0.2.0/24"]
[mailboxes."{HELP}"]
"""


def templates_of(chosen: Set) -> Templates:
    """A template for each paragraph; every second one has a version before."""
    questions: dict[int, list[str]] = {}
    for question, number in chosen.questions:
        questions.setdefault(number, []).append(question)
    made = []
    for number, (title, text) in enumerate(chosen.paragraphs):
        one = Template(
            f"t{number}", title or f"T{number}", chosen.language, "general", 2,
            tuple(questions.get(number, ())[:2]), (), (), ("Hello", text, "Kind regards"), "t.md",
        )  # fmt: skip
        made.append(one)
        if number % 2:
            half = text[: int(len(text) * 0.7)]
            made.append(replace(one, version=1, pieces=("Hello", half, "Kind regards")))
    made.sort(key=lambda one: (one.language, one.id, one.version))
    return Templates(tuple(made))


def analyst_of(chosen: Set, folder: Path) -> Analyst:
    """With these templates, and a knowledge base of `PAGES` pages."""
    documents = [
        Document(
            (
                Section(
                    f"Page {number} tells of it.",
                    id=f"kb-{number}",
                    url=f"https://help.desk.example/page/{number}",
                    language="en",
                ),
            )
        )
        for number in range(PAGES)
    ]
    build_index(documents, folder / "kb.idx")
    build_answers(templates_of(chosen), folder / "answers.idx", heading_weight=2.0)
    (folder / "mailtriage.toml").write_text(TOML)
    analyst = read_everything([folder / "mailtriage.toml"]).analyst()
    answers = open_answers(folder / "answers.idx")
    return replace(analyst, answers=answers, knowledge=open_index(folder / "kb.idx"))


def answer(text: str, number: int) -> bytes:
    """An agent's mail."""
    head = (
        f"From: {HELP}\nTo: {ANN}\nSubject: Re: A question\nMessage-ID: <{number}@desk.example>\n"
        "In-Reply-To: <1@customer.example>\nContent-Type: text/plain; charset=utf-8\n\n"
    )
    return f"{head}{text}\n".replace("\n", "\r\n").encode()


def median(calls: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> float:
    """CPU milliseconds of one of these calls."""
    for call in calls:
        call()
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        for call in calls:
            call()
        spent.append((time.process_time() - began) / len(calls) * 1000)
    return statistics.median(spent)


def analysed(analyst: Analyst, raw: bytes) -> Analysis:
    """The whole analysis of an agent's mail."""
    read = partial(read_message, raw, envelope=Envelope(HELP, (ANN,)), client=AGENT)
    return analyst.analyse(read, header_names(raw), body=raw[split_fields(raw)[1] :])


def question_of(raw: bytes) -> Question:
    """The same, as an analyser is asked."""
    body = raw[split_fields(raw)[1] :]
    return Question(Envelope(HELP, (ANN,)), AGENT, "4Wx1", (), (body,), complete=True)


def inbound(analyst: Analyst, chosen: Set) -> float:
    """What the look-up of a customer's mail adds."""
    judged = Triage(language=chosen.language)
    mails = [
        Mail(subject="A question", text=text, newest_text=text)
        for text in chosen.asked(wrapped=True)[:MAILS]
    ]
    settings = analyst.config.answers
    calls = [partial(suggest_answer, analyst.answers, mail, judged, "", settings) for mail in mails]
    return median(calls)


def outbound(analyst: Analyst, checks: AnswerChecks, texts: Sequence[str]) -> tuple[float, float]:
    """The whole analysis of answers, and the look at them."""
    raws = [answer(text, number) for number, text in enumerate(texts)]
    done = [analysed(analyst, raw) for raw in raws]
    for raw, one in zip(raws, done, strict=True):
        if checks.look(one, question_of(raw), 0.0) is None:
            raise SystemExit("an answer was not looked at: nothing was measured")
    looks = [
        partial(checks.look, one, question_of(raw), 0.0)
        for raw, one in zip(raws, done, strict=True)
    ]
    return median([partial(analysed, analyst, raw) for raw in raws]), median(looks)


def main() -> None:
    """Print all of it."""
    if not SHARED.is_dir():
        print(f"not run: {SHARED} is not there")
        return
    chosen = next(one for one in read_sets() if one.language == "en")
    with tempfile.TemporaryDirectory() as name:
        analyst = analyst_of(chosen, Path(name))
        began = time.process_time()
        checks = AnswerChecks(analyst)
        loading = (time.process_time() - began) * 1000
        texts = [AROUND.format(text) for _, text in chosen.paragraphs[:MAILS]]
        free = [AROUND.format(question * 5) for question, _ in chosen.questions[:MAILS]]
        every = " ".join(text for _, text in chosen.paragraphs)
        links = " ".join(f"https://help.desk.example/page/{number}" for number in range(900))
        print(f"{len(chosen.paragraphs)} templates, {PAGES} pages; CPU ms a mail")
        print(f"a mail comes in: look-up of its template        {inbound(analyst, chosen):6.2f}")
        for label, said in (
            ("an answer made of a template", texts),
            ("an answer written by hand", free),
            ("32 KB out of all templates", [every[:32_000]]),
            ("32 KB of links", [links[:32_000]]),
            ("32 KB in one line without blanks", ["x" * 32_000]),
        ):
            whole, look = outbound(analyst, checks, said)
            print(f"{label:34} analysis {whole:6.2f}, the look after it {look:6.2f}")
        print(f"what answers are held against, made once before the first fork {loading:6.0f}")


if __name__ == "__main__":
    main()
