"""Rules alone, a model of words alone, and both; and what sentiment lexicons reach.

    python -m tests.accuracy.triage [--alternatives]

Every row is measured on the same labelled mails of ../shared/data/gold. "words alone" is trained
here from the same corpus without what the policies found. The figures of the whole program, with
intervals, are those of `mailtriage eval`.
"""

import argparse
import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mailtriage.evaluation.measures import macro_f1
from mailtriage.labelled.model import Example
from mailtriage.labelled.read import read_labelled
from mailtriage.learning.fit import train
from mailtriage.learning.shipped import corpus_lessons
from mailtriage.learning.texts import Lesson, lessons
from mailtriage.mail.model import Limits
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.service.load import read_everything
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Kind

GOLD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gold"

Answer = dict[str, str]
"""What one way of judging says of one mail, by facet."""


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.triage")
    parser.add_argument("--alternatives", action="store_true", help="sentiment lexicons, too")
    options = parser.parse_args(arguments)
    if not GOLD.is_dir():
        print(f"not measured: there are no labelled mails in {GOLD}")
        return
    examples = [one for one in read_labelled(GOLD).examples if one.kind is Kind.HUMAN]
    print(f"{len(examples)} mails\n")
    print(f"{'':24}{'skill':>8}{'or 2nd':>8}{'priority':>10}{'mood F1':>9}{'churn F1':>10}")
    everything = read_everything([Path("/dev/null")])
    matcher = Matcher(everything.policies)
    nobody = FixedCustomers({})

    def judged(one: Example, *, with_model: bool) -> Answer:
        model = everything.model if with_model else None
        found = triage(one.mail(Limits()), matcher, nobody, model=model)
        return {
            facet: str(getattr(found, facet)) for facet in ("skill", "priority", "mood", "churn")
        }

    print_row("rules alone", examples, [judged(one, with_model=False) for one in examples])
    print_row("words alone", examples, by_words(examples))
    print_row("both", examples, [judged(one, with_model=True) for one in examples])
    if options.alternatives:
        for name, mood in lexicons():
            answers = [{"mood": mood(one.mail(Limits()).newest_text)} for one in examples]
            print_row(name, examples, answers)


def by_words(examples: Sequence[Example]) -> list[Answer]:
    """What a model says that was trained without the signals of the policies."""
    policies = shipped_directory("policies")
    known = [without_signals(lesson) for lesson in corpus_lessons(policies / "corpus", policies)]
    facets = ("skill", "priority", "mood", "churn")
    model = train(known, facets)
    matcher = Matcher(load_policies([policies])[0])
    answers = []
    for lesson in lessons(examples, matcher, Limits()):
        found = model.judged(without_signals(lesson).blocks)
        answers.append(
            {
                facet: max(zip(opinion.margins, opinion.labels, strict=True))[1]
                for facet, opinion in found.items()
            }
        )
    return answers


def without_signals(lesson: Lesson) -> Lesson:
    """The lesson as if no policy had looked at it."""
    nothing = (np.zeros(0, np.uint32), np.zeros(0, np.float32))
    return dataclasses.replace(lesson, blocks=(*lesson.blocks[:-1], nothing))


def lexicons() -> list[tuple[str, Callable[[str], str]]]:
    """Sentiment lexicons that are installed, each a function from a text to a mood."""
    found: list[tuple[str, Callable[[str], str]]] = []
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        analyser = SentimentIntensityAnalyzer()
        found.append(
            ("VADER (English)", lambda text: word(analyser.polarity_scores(text)["compound"], 0.05))
        )
    except ImportError:
        print("VADER: not installed: pip install -r tests/accuracy/alternatives.txt")
    try:
        from afinn import Afinn

        lexicon = Afinn()
        found.append(("AFINN (English)", lambda text: word(lexicon.score(text), 1)))
    except ImportError:
        print("AFINN: not installed: pip install -r tests/accuracy/alternatives.txt")
    return found


def word(score: float, least: float) -> str:
    """The mood that a score stands for."""
    return "positive" if score >= least else "negative" if score <= -least else "neutral"


def print_row(name: str, examples: Sequence[Example], answers: Sequence[Answer]) -> None:
    """One way of judging: shares that are right, and macro-F1 where labels are uneven."""
    cells = [f"{name:24}"]
    pairs = list(zip(examples, answers, strict=True))
    if "skill" in answers[0]:
        right = [answer["skill"] == one.skill for one, answer in pairs]
        second = [answer["skill"] in (one.skill, *(one.skills_also or ())) for one, answer in pairs]
        level = [answer["priority"] == one.priority for one, answer in pairs]
        cells += [f"{np.mean(right):8.3f}{np.mean(second):8.3f}{np.mean(level):10.3f}"]
    else:
        cells += [" " * 26]
    for facet, width in (("mood", 9), ("churn", 10)):
        if facet in answers[0]:
            told = [(str(getattr(one, facet)), answer[facet]) for one, answer in pairs]
            cells.append(f"{macro_f1(Counter(told)):{width}.3f}")
    print("".join(cells), flush=True)


if __name__ == "__main__":
    main()
