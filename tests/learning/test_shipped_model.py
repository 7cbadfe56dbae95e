"""What is shipped is what the corpus makes: nobody can change the one without the other."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mailtriage.classifier.store import load_model, read_about
from mailtriage.labelled.read import read_labelled
from mailtriage.policies.model import GENERAL, LANGUAGES
from mailtriage.shipped import shipped_directory

POLICIES = shipped_directory("policies")
CORPUS = POLICIES / "corpus"
SKILLS = {file.stem for file in (POLICIES / "skills").glob("*.toml")} | {GENERAL}


def build(module: str, target: Path) -> None:
    """Make it anew beside the shipped one."""
    subprocess.run([sys.executable, "-m", module, str(target)], check=True, timeout=1200)


@pytest.mark.long
def test_the_model_is_made_of_the_corpus_bit_for_bit(tmp_path: Path) -> None:
    build("mailtriage.learning.shipped", tmp_path / "shipped.npz")
    made = (tmp_path / "shipped.npz").read_bytes()
    assert made == (POLICIES / "model" / "shipped.npz").read_bytes(), "run `make model`"


def test_the_model_knows_every_skill_and_facet() -> None:
    model = load_model(POLICIES / "model" / "shipped.npz")
    assert set(model.labels("skill")) == SKILLS
    assert {head.facet for head in model.heads} == {"skill", "priority", "mood", "churn", "kind"}
    assert read_about(POLICIES / "model" / "shipped.npz")["corpus"] == "shipped"


def test_the_model_takes_no_more_than_thirty_megabytes() -> None:
    model = load_model(POLICIES / "model" / "shipped.npz")
    arrays = (model.columns, model.idf, model.weights, model.scale, model.bias, model.rows)
    assert sum(array.nbytes for array in arrays) <= 30e6


@pytest.mark.parametrize("language", LANGUAGES)
class TestCorpus:
    def test_there_is_enough_of_everything(self, language: str) -> None:
        found = read_labelled(CORPUS / f"{language}.jsonl")
        assert not found.notes
        assert len(found.examples) >= 400
        skills = Counter(one.skill for one in found.examples if one.kind != "machine")
        assert set(skills) == SKILLS
        assert min(skills.values()) >= 40
        assert len({one.industry for one in found.examples}) >= 24

    def test_who_leaves_is_never_an_ordinary_case(self, language: str) -> None:
        for one in read_labelled(CORPUS / f"{language}.jsonl").examples:
            if one.churn == "high":
                assert one.priority in ("high", "urgent"), one.id

    def test_ids_are_of_the_language_and_stand_once(self, language: str) -> None:
        lines = (CORPUS / f"{language}.jsonl").read_text("utf-8").splitlines()
        ids = [json.loads(line)["id"] for line in lines]
        assert len(set(ids)) == len(ids)
        assert all(one.startswith(f"{language}-") for one in ids)
