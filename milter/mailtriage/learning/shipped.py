"""The model that comes with mailtriage, from policies/corpus to policies/model/shipped.npz.

`python -m mailtriage.learning.shipped`, or `mailtriage train --shipped`. Read are the corpus and
the policies, nothing else; the same files give the same model, bit for bit (no chance, no clock, one
thread, one order), on the versions of NumPy and scikit-learn that pyproject.toml pins.
"""

from pathlib import Path

from mailtriage.classifier.model import Classifier
from mailtriage.classifier.store import save_model
from mailtriage.labelled.read import read_labelled
from mailtriage.learning.crossval import calibrated, unseen_margins
from mailtriage.learning.fit import train
from mailtriage.learning.texts import FACETS, Lesson, lessons
from mailtriage.mail.model import Limits
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory


def corpus_lessons(corpus: Path, policies: Path) -> list[Lesson]:
    """All lessons of the corpus, in the order of its files and lines."""
    matcher = Matcher(load_policies([policies])[0])
    return list(lessons(read_labelled(corpus).examples, matcher, Limits()))


def shipped_model(known: list[Lesson]) -> Classifier:
    """The model of these lessons, its temperatures from lessons of industries left out."""
    return calibrated(train(known), known, unseen_margins(known, FACETS))


def main() -> None:
    """Write the model beside the policies that it was trained with."""
    policies = shipped_directory("policies")
    known = corpus_lessons(policies / "corpus", policies)
    target = policies / "model" / "shipped.npz"
    target.parent.mkdir(exist_ok=True)
    save_model(shipped_model(known), target, about={"lessons": len(known), "corpus": "shipped"})


if __name__ == "__main__":
    main()
