"""The model that comes with mailtriage, from policies/corpus to policies/model/shipped.npz.

`python -m mailtriage.learning.shipped [FILE]`, or `make model`. Read are the corpus and the
policies, nothing else; the same files give the same model, bit for bit (no chance, no clock, one
thread, one order), on the versions of NumPy and scikit-learn that pyproject.toml pins.
"""

import sys
from pathlib import Path

from mailtriage.classifier.model import Classifier
from mailtriage.classifier.store import save_model
from mailtriage.labelled.read import read_labelled
from mailtriage.learning.crossval import calibrated, unseen_margins
from mailtriage.learning.fit import train
from mailtriage.learning.texts import FACETS, Lesson, lessons, policy_lessons
from mailtriage.mail.model import Limits
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory


def corpus_lessons(corpus: Path, policies: Path) -> list[Lesson]:
    """All lessons of the corpus, in the order of its files and lines, then the policies' tests."""
    matcher = Matcher(load_policies([policies])[0])
    taught = lessons(read_labelled(corpus).examples, matcher, Limits())
    return [*taught, *policy_lessons(matcher)]


def shipped_model(known: list[Lesson]) -> Classifier:
    """The model of these lessons, its temperatures from lessons of industries left out."""
    return calibrated(train(known), known, unseen_margins(known, FACETS))


def main(target: Path | None = None) -> None:
    """Write the model beside the policies that it was trained with, or to `target`."""
    policies = shipped_directory("policies")
    known = corpus_lessons(policies / "corpus", policies)
    if target is None:
        target = policies / "model" / "shipped.npz"
        target.parent.mkdir(exist_ok=True)
    save_model(shipped_model(known), target, about={"lessons": len(known), "corpus": "shipped"})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
