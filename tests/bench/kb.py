"""How well the knowledge base finds, when it keeps silent, and what a look-up costs.

    python -m tests.bench.kb

Questions whose paragraph is known: XQuAD in three languages, and SweFAQ, where the target is the
answer without its question. "wrapped" puts a greeting, a name, thanks and a signature around each.
For silence half of the questions are asked where their paragraph is missing; precision and recall
are those of what is then said. The cost is CPU time, in turns with whole analyses of a mail.
"""

import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from mailtriage.doors.analysis import Analyst
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, Section
from mailtriage.knowledge.search import KnowledgeIndex, Limits, open_index
from mailtriage.mail.read import read_message
from mailtriage.service.load import read_everything
from mailtriage.tags.apply import header_names

SHARED: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "kb"
LANGUAGES: Final = ("en", "de", "es")
THRESHOLDS: Final = (0.20, 0.25, 0.30, 0.35)
ROUNDS: Final = 15
MAILS: Final = 100
FOLDS: Final = 8
AROUND: Final = {
    "en": (
        "Hello,\n\nmy name is Ann Smith and I have been a customer of yours for years.\n\n",
        "\n\nThank you very much for your help.\n\nKind regards\nAnn Smith",
    ),
    "de": (
        "Guten Tag,\n\nmein Name ist Anna Schmidt und ich bin seit Jahren Kundin bei Ihnen.\n\n",
        "\n\nVielen Dank für Ihre Hilfe.\n\nMit freundlichen Grüßen\nAnna Schmidt",
    ),
    "es": (
        "Buenos días:\n\nme llamo Ana Herrero y soy cliente suya desde hace años.\n\n",
        "\n\nMuchas gracias por su ayuda.\n\nUn saludo,\nAna Herrero",
    ),
    "sv": (
        "Hej,\n\njag heter Anna Smed och har varit kund hos er i flera år.\n\n",
        "\n\nTack så mycket för hjälpen.\n\nMed vänliga hälsningar\nAnna Smed",
    ),
}


@dataclass(frozen=True, slots=True)
class Set:
    """Paragraphs, and questions with the number of the paragraph that answers each."""

    name: str
    language: str
    paragraphs: tuple[tuple[str, str], ...]
    """Heading or title, and text."""
    questions: tuple[tuple[str, int], ...]

    def asked(self, *, wrapped: bool) -> list[str]:
        """The questions, each as it is or as a mail."""
        before, behind = AROUND[self.language] if wrapped else ("", "")
        return [f"{before}{question}{behind}" for question, _ in self.questions]


@dataclass(frozen=True, slots=True)
class Found:
    """How often the right paragraph was the first, and the mean of 1/rank among the first three."""

    first: float
    reciprocal: float
    milliseconds: float


def read_sets(folder: Path = SHARED) -> list[Set]:
    """Every set that is there."""
    sets = [_xquad(folder / f"xquad.{code}.json.gz", code) for code in LANGUAGES]
    return [*sets, _swefaq(folder / "swefaq_dev.jsonl.gz")]


def _xquad(file: Path, language: str) -> Set:
    paragraphs: list[tuple[str, str]] = []
    questions: list[tuple[str, int]] = []
    with gzip.open(file) as stream:
        articles: Any = json.load(stream)["data"]
    for article in articles:
        for paragraph in article["paragraphs"]:
            questions += [(asked["question"], len(paragraphs)) for asked in paragraph["qas"]]
            title = article.get("title", "").replace("_", " ")
            paragraphs.append((title, " ".join(paragraph["context"].split())))
    return Set(f"XQuAD {language}", language, tuple(paragraphs), tuple(questions))


def _swefaq(file: Path) -> Set:
    numbers: dict[str, int] = {}
    questions: list[tuple[str, int]] = []
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            answer = " ".join(row["candidate_answers"][row["label"]].split())
            questions.append((row["question"], numbers.setdefault(answer, len(numbers))))
    return Set("SweFAQ dev", "sv", tuple(("", one) for one in numbers), tuple(questions))


def indexed(chosen: Set, folder: Path) -> KnowledgeIndex:
    """The paragraphs of a set, as a knowledge base."""
    documents = [
        Document((Section(text, title=title, id=f"kb-{number}", language=chosen.language),))
        for number, (title, text) in enumerate(chosen.paragraphs)
    ]
    file = folder / f"{chosen.name.replace(' ', '-')}.idx"
    build_index(documents, file)
    return open_index(file)


def find(index: KnowledgeIndex, chosen: Set, *, wrapped: bool) -> Found:
    """Ask every question."""
    first, reciprocal = 0, 0.0
    texts = chosen.asked(wrapped=wrapped)
    began = time.process_time()
    ranked = [[hit.section for hit in index.rank(text, chosen.language, most=3)] for text in texts]
    spent = time.process_time() - began
    for hits, (_, right) in zip(ranked, chosen.questions, strict=True):
        first += hits[:1] == [right]
        reciprocal += 1 / (hits.index(right) + 1) if right in hits else 0.0
    asked = len(texts)
    return Found(first / asked, reciprocal / asked, spent / asked * 1000)


def silence(chosen: Set, folder: Path, *, wrapped: bool) -> dict[float, tuple[float, float]]:
    """Precision and recall at each threshold, where half of the questions have no paragraph.

    In eight indexes an eighth of the paragraphs is missing. Each is asked the questions of those,
    and as many whose paragraph is there; in the end every question was asked both ways.
    """
    said: list[tuple[float, bool]] = []
    texts = chosen.asked(wrapped=wrapped)
    for fold in range(FOLDS):
        kept = [one for one in range(len(chosen.paragraphs)) if one % FOLDS != fold]
        paragraphs = tuple(chosen.paragraphs[one] for one in kept)
        part = Set(f"{chosen.name} {fold}", chosen.language, paragraphs, ())
        index = indexed(part, folder)
        for text, (_, right) in zip(texts, chosen.questions, strict=True):
            if right % FOLDS in (fold, (fold + 1) % FOLDS):
                hits = index.rank(text, chosen.language, limits=Limits(), most=1)
                if hits:
                    said.append((hits[0].confidence, kept[hits[0].section] == right))
    return {level: _precision(said, level, len(texts)) for level in THRESHOLDS}


def _precision(
    said: Sequence[tuple[float, bool]], level: float, answerable: int
) -> tuple[float, float]:
    right = [is_right for confidence, is_right in said if confidence >= level]
    return sum(right) / max(1, len(right)), sum(right) / max(1, answerable)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of a mail, in milliseconds; medians of rounds that take turns."""

    lookup: float
    analysis: float

    @property
    def ratio(self) -> float:
        """What a look-up costs, in analyses."""
        return self.lookup / self.analysis


def cost(index: KnowledgeIndex, chosen: Set, rounds: int = ROUNDS) -> Cost:
    """Look-ups and whole analyses of the same mails, in turns."""
    everything = read_everything([Path("/dev/null")])
    analyst: Analyst = everything.analyst()
    head = "From: Ann <ann@customer.example>\r\nTo: help@desk.example\r\nSubject: A question\r\n"
    head += 'Content-Type: text/plain; charset="utf-8"\r\nMessage-ID: <1@customer.example>\r\n\r\n'
    mails = [f"{head}{text}\r\n".encode() for text in chosen.asked(wrapped=True)[:MAILS]]
    texts = [read_message(mail).newest_text for mail in mails]
    names = header_names(mails[0])
    for text, mail in zip(texts, mails, strict=True):
        index.find(text, chosen.language, subject="A question")
        analyst.analyse(partial(read_message, mail), names)
    lookups, analyses = [], []
    for _ in range(rounds):
        began = time.process_time()
        for text in texts:
            index.find(text, chosen.language, subject="A question")
        between = time.process_time()
        for mail in mails:
            analyst.analyse(partial(read_message, mail), names)
        lookups.append((between - began) / len(mails) * 1000)
        analyses.append((time.process_time() - between) / len(mails) * 1000)
    return Cost(statistics.median(lookups), statistics.median(analyses))


def main() -> None:
    """Print all of it."""
    if not SHARED.is_dir():
        print(f"not run: {SHARED} is not there")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{'':12} {'paragraphs':>10} {'questions':>9}  R@1/MRR@3    wrapped      ms a mail")
        for chosen in read_sets():
            index = indexed(chosen, folder)
            plain = find(index, chosen, wrapped=False)
            mails = find(index, chosen, wrapped=True)
            print(
                f"{chosen.name:12} {len(chosen.paragraphs):10} {len(chosen.questions):9}"
                f"  {plain.first:.3f}/{plain.reciprocal:.3f}  {mails.first:.3f}/"
                f"{mails.reciprocal:.3f}  {mails.milliseconds:.2f}"
            )
        print("\nprecision/recall of what is said, by threshold (wrapped)")
        print(f"{'':12}  " + "   ".join(f"{level:9.2f}" for level in THRESHOLDS))
        for chosen in read_sets():
            levels = silence(chosen, folder, wrapped=True).values()
            print(f"{chosen.name:12}  " + "   ".join(f"{p:.3f}/{r:.2f}" for p, r in levels))
        print("\nCPU ms a mail: a look-up, a whole analysis, and their ratio")
        for chosen in read_sets():
            spent = cost(indexed(chosen, folder), chosen)
            print(f"{chosen.name:12}  {spent.lookup:.2f}  {spent.analysis:.2f}  {spent.ratio:.2f}")


if __name__ == "__main__":
    main()
