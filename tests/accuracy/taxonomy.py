"""How well `mailtriage train` learns a taxonomy that it has never seen, and what others reach.

    python -m tests.accuracy.taxonomy [--quick]

Macro-F1 on BANKING77 (77 intents) and CLINC150 (150), their training halves. "20 a class": trained
with 20 random examples a class, tested on all the rest, mean of three seeds. "all": five folds.
Ours is `mailtriage train --only`: its recipe, chosen by its own cross-validation, without the model's
other facets. "churn": F1 of the wish to leave in NLU++ (cancel, close, leave, freeze), ten folds as
they come. --quick takes one seed, fifteen classes, and one fold of five. Sets that are not there are
left out.
"""

import argparse
import gzip
import pathlib
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from mailtriage.labelled.model import Example, Labels, Utterance
from mailtriage.learning import own
from mailtriage.learning.fit import margins, train
from mailtriage.learning.texts import Lesson, lessons
from mailtriage.mail.model import Limits
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory

SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
SETS = {"BANKING77": "banking77_train.tsv.gz", "CLINC150": "clinc150_train.tsv.gz"}
WANTED = {("BANKING77", "20 a class"): 0.82, ("CLINC150", "20 a class"): 0.89,
          ("BANKING77", "all"): 0.92, ("CLINC150", "all"): 0.94}  # fmt: skip
FEW, SEEDS, FOLDS, QUICK = 20, 3, 5, 15
LEAVING = "cancel_close_leave_freeze"

Numbers = Sequence[int]
Split = tuple[Numbers, Numbers]


class Texts:
    """A labelled set in both forms: as it is, and as lessons."""

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        examples = [
            Example.of(
                Labels(skill=label, language="en"),
                id=str(number),
                place=str(number),
                source=Utterance(text),
            )
            for number, (label, text) in enumerate(rows)
        ]
        matcher = Matcher(load_policies([shipped_directory("policies")])[0])
        self.lessons = list(lessons(examples, matcher, Limits()))
        kept = [int(lesson.id) for lesson in self.lessons]  # all but those without a word
        self.texts = [rows[number][1] for number in kept]
        self.labels = np.array([rows[number][0] for number in kept])


Method = Callable[[Texts, Split], Sequence[str]]


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.taxonomy")
    parser.add_argument("--quick", action="store_true", help="one seed, fifteen classes, one fold")
    quick = parser.parse_args(arguments).quick
    print(f"{'set':10} {'trained with':12} {'method':38} {'macro-F1':>8} {'wanted':>6} {'s':>6}")
    for name, file in SETS.items():
        if (SHARED / file).is_file():
            _table(name, Texts(_rows(SHARED / file, quick=quick)), quick=quick)
        else:
            print(f"{name}: not run, {file} is not there")
    if (SHARED / "nlupp_f0-9.tsv.gz").is_file():
        _churn(SHARED / "nlupp_f0-9.tsv.gz", quick=quick)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of all of it: {peak:.0f} MB")


def _rows(file: pathlib.Path, *, quick: bool) -> list[tuple[str, str]]:
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    rows = [(label, text) for label, _, text in (line.partition("\t") for line in lines)]
    used = set(sorted({label for label, _ in rows})[: QUICK if quick else None])
    return [(label, text) for label, text in rows if label in used]


def _table(name: str, data: Texts, *, quick: bool) -> None:
    few = [_few(data.labels, seed) for seed in range(1 if quick else SEEDS)]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(data.labels, data.labels)
    everything = [(a.tolist(), b.tolist()) for a, b in folds][: 1 if quick else None]
    for how, splits in (("20 a class", few), ("all", everything)):
        for method, judge in METHODS.items():
            # Seconds a fold; over all of the data it takes minutes a fold.
            if how == "all" and "logistic" in method and not quick:
                continue
            started = time.process_time()
            found = [_macro(data, judge, split) for split in splits]
            taken = (time.process_time() - started) / len(splits)
            wanted = WANTED[name, how] if method == "mailtriage train" and not quick else ""
            print(f"{name:10} {how:12} {method:38} {fmean(found):8.3f} {wanted:>6} {taken:6.1f}")


def _few(labels: Any, seed: int) -> Split:
    random = np.random.default_rng(seed)
    taught = [
        number
        for label in sorted(set(labels))
        for number in random.permutation(np.flatnonzero(labels == label))[:FEW].tolist()
    ]
    return sorted(taught), sorted(set(range(len(labels))) - set(taught))


def _macro(data: Texts, judge: Method, split: Split) -> float:
    return float(f1_score(data.labels[split[1]], judge(data, split), average="macro"))


def _ours(data: Texts, split: Split) -> Sequence[str]:
    taught, tested = ([_lesson(data, number) for number in part] for part in split)
    course = own.plan(taught, (), only=True)
    model = train(course.own, ["skill"], own.trials(course)[0].recipe)
    names = np.array(model.labels("skill"))
    return list(names[margins(model, tested).argmax(axis=1)])


def _lesson(data: Texts, number: int) -> Lesson:
    return replace(data.lessons[number], labels={"skill": str(data.labels[number])})


def _theirs(make: Callable[[], Any]) -> Method:
    def judge(data: Texts, split: Split) -> Sequence[str]:
        taught, tested = split
        made = make()
        made.fit([data.texts[n] for n in taught], data.labels[taught])
        return list(made.predict([data.texts[n] for n in tested]))

    return judge


def _words() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def _both() -> Any:
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return make_union(_words(), letters)


METHODS: dict[str, Method] = {
    "mailtriage train": _ours,
    "words and letters, LinearSVC": _theirs(lambda: make_pipeline(_both(), LinearSVC(C=1.0))),
    "words and letters, logistic regression": _theirs(
        lambda: make_pipeline(_both(), LogisticRegression(C=30, max_iter=300))
    ),
    "words alone, LinearSVC": _theirs(lambda: make_pipeline(_words(), LinearSVC(C=1.0))),
    "words alone, naive Bayes": _theirs(lambda: make_pipeline(_words(), MultinomialNB(alpha=0.05))),
}


def _churn(file: pathlib.Path, *, quick: bool) -> None:
    """The wish to leave, from the other intents, by the folds of the set."""
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    parts = [line.split("\t", 3) for line in lines]
    data = Texts(
        [("leave" if LEAVING in tags.split("|") else "other", text) for _, _, tags, text in parts]
    )
    fold = np.array([int(parts[int(lesson.id)][1]) for lesson in data.lessons])
    for method in ("mailtriage train", "words and letters, LinearSVC"):
        started = time.process_time()
        wanted, got = [], []
        for number in sorted(set(fold.tolist()))[: 2 if quick else None]:
            split = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
            wanted += data.labels[split[1]].tolist()
            got += METHODS[method](data, split)
        found = f1_score(wanted, got, pos_label="leave")
        taken = time.process_time() - started
        print(f"{'NLU++':10} {'churn':12} {method:38} {found:8.3f} {'':>6} {taken:6.1f}")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
