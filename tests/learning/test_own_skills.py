"""A theatre teaches its three skills with twenty mails each; the real program, the real files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailtriage.classifier.store import load_model

THEATRE = Path(__file__).resolve().parent / "data" / "theatre.jsonl"
SKILLS = {"events", "lost-and-found", "season-ticket"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailtriage.toml"
    file.write_text(f'[model]\nfile = "{tmp_path / "model.npz"}"\n', encoding="utf-8")
    return file


def mailtriage(config: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailtriage", "--config", config, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def trained(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return mailtriage(config, "train", THEATRE, "--only", *options)


def skill_of(config: Path, tmp_path: Path, text: str) -> str:
    mail = tmp_path / "mail.eml"
    mail.write_text(f"From: a@b.example\nSubject: Question\n\n{text}\n", encoding="utf-8")
    explained: dict[str, Any] = json.loads(mailtriage(config, "explain", "--json", mail).stdout)
    return str(explained["skill"])


def test_twenty_mails_a_skill_help(config: Path, tmp_path: Path) -> None:
    assert skill_of(config, tmp_path, "Somebody left a hat on seat 12") not in SKILLS
    done = trained(config)
    assert done.returncode == 0, done.stderr
    assert set(load_model(tmp_path / "model.npz").labels("skill")) >= SKILLS
    assert skill_of(config, tmp_path, "I forgot a red hat in the cloakroom") == "lost-and-found"
    assert skill_of(config, tmp_path, "What does the room cost for a party?") == "events"


def test_the_figures_are_those_of_mails_that_were_not_learned(config: Path) -> None:
    told = json.dumps(json.loads(trained(config, "--dry-run", "--json").stdout))
    assert "macro_f1" in told


def test_a_dry_run_writes_nothing(config: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert trained(config, "--dry-run").returncode == 0
    assert sorted(tmp_path.iterdir()) == before


def test_the_model_before_comes_back(config: Path, tmp_path: Path) -> None:
    assert mailtriage(config, "train", "--rollback").returncode == 1
    assert trained(config).returncode == 0
    first = (tmp_path / "model.npz").read_bytes()
    (tmp_path / "model.npz").write_bytes(first)
    assert trained(config, "--force").returncode == 0
    assert (tmp_path / "model.npz").read_bytes() == first, "the same mails give the same model"
    assert mailtriage(config, "train", "--rollback").returncode == 0
    assert (tmp_path / "model.npz").read_bytes() == first


def test_a_broken_model_is_named_by_check(config: Path, tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04 cut short")
    done = mailtriage(config, "check")
    assert done.returncode == 1
    assert "model.file" in done.stderr
    assert "no model of mailtriage" in done.stderr


def test_a_wrong_call(config: Path) -> None:
    assert mailtriage(config, "train").returncode == 2
    assert mailtriage(config, "train", THEATRE, "--rollback").returncode == 2
