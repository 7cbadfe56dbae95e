"""mailtriage train --feedback: learning from mails of an archive that people have corrected."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.store import load_model
from mailtriage.state.feedback import Correction, write_corrections
from tests.commands.conftest import Call, Write

THEATRE = Path(__file__).resolve().parents[1] / "learning" / "data" / "theatre.jsonl"
SECRET = b"a secret of the tests, 32 bytes and more"
SKILLS = {"events", "lost-and-found", "season-ticket"}


@pytest.fixture
def config(write: Write, tmp_path: Path) -> Path:
    """Without the shipped policies, so that it takes a second."""
    (tmp_path / "secret").touch(0o600)
    write("secret", SECRET)
    return write(
        "mailtriage.toml",
        f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n[policies]\nshipped = false\n'
        f'[model]\nfile = "{tmp_path}/model.npz"\n',
    )


@pytest.fixture
def skills(tmp_path: Path) -> dict[int, str]:
    """The skill that each mail of the archive should have had."""
    found = {}
    (tmp_path / "archive").mkdir()
    for number, line in enumerate(THEATRE.read_text("utf-8").splitlines()):
        row = json.loads(line)
        message = EmailMessage()
        message["From"] = "someone@example.org"
        message["Message-ID"] = f"<m{number}@example.org>"
        message.set_content(row["text"])
        (tmp_path / "archive" / f"{number}.eml").write_bytes(bytes(message))
        found[number] = row["skill"]
    return found


@pytest.fixture
def archive(skills: dict[int, str], tmp_path: Path) -> Path:
    assert skills
    return tmp_path / "archive"


def correct(config: Path, skills: dict[int, str], before: str = "") -> None:
    tokens = Tokens(SECRET)
    rows = [
        Correction(
            tokens.pseudonym("message-id", f"<m{number}@example.org>"), "skill", skill, "mail",
            1e9, before,
        )
        for number, skill in skills.items()
    ]  # fmt: skip
    write_corrections(config.parent / "feedback.db", rows)


def test_corrected_mails_alone_make_a_model(
    call: Call, config: Path, archive: Path, skills: dict[int, str]
) -> None:
    correct(config, skills | {1000: "events"}, before="general")
    done = call("--config", config, "train", "--feedback", archive)
    assert done.code == 0, done.err
    out = " ".join(done.out.split())
    assert "corrected mails: 61; 60 found in the archive, 0 among the labelled, 1 missing" in out
    assert "60 of these mails were corrected because a tag was wrong" in out
    assert set(load_model(config.parent / "model.npz").labels("skill")) == SKILLS


def test_json_has_the_counts(
    call: Call, config: Path, archive: Path, skills: dict[int, str]
) -> None:
    correct(config, skills | {1000: "events"})
    done = call("--config", config, "train", "--feedback", archive, "--json", "--dry-run")
    told = json.loads(done.out)
    assert told["feedback"] == {
        "corrected": 61, "used": 60, "overridden": 0, "missing": 1, "other": 0, "wrong": 0,
    }  # fmt: skip
    assert told["lessons"] == 60
    assert not told["installed"]


def test_beside_labelled_mail_they_go_before_its_labels(
    call: Call, config: Path, archive: Path, skills: dict[int, str], tmp_path: Path
) -> None:
    for number, skill in skills.items():
        place = tmp_path / "labelled" / skill / f"{number}.eml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((archive / f"{number}.eml").read_bytes())
    moved = {number: "events" for number, skill in skills.items() if skill == "season-ticket"}
    correct(config, moved)
    done = call("--config", config, "train", tmp_path / "labelled", "--feedback", archive, "--json")
    told = json.loads(done.out)
    assert told["feedback"]["overridden"] == len(moved)
    assert set(told["facets"]["skill"]["labels"]) == SKILLS - {"season-ticket"}


def test_without_the_mails_nothing_can_be_learnt(
    call: Call, config: Path, archive: Path, tmp_path: Path
) -> None:
    done = call("--config", config, "train", "--feedback", archive)
    assert (done.code, "nothing has been corrected yet" in done.err) == (1, True)
    correct(config, {1000: "events", 1001: "lost-and-found"})
    done = call("--config", config, "train", "--feedback", archive)
    assert done.code == 1
    assert "of 2 mails whose skill or priority was corrected none is in" in done.err
    assert "no text of them is kept" in done.err
    assert not (tmp_path / "model.npz").exists()


def test_labelled_mail_without_feedback_is_learnt_as_it_is_labelled(
    call: Call, config: Path, archive: Path, skills: dict[int, str]
) -> None:
    correct(config, dict.fromkeys(skills, "events"))
    told = json.loads(call("--config", config, "train", THEATRE, "--json").out)
    assert told["feedback"] is None
    assert set(told["facets"]["skill"]["labels"]) == SKILLS


def test_it_goes_with_neither_of_the_other_two(call: Call, config: Path, archive: Path) -> None:
    for other in ("--rollback", "--shipped"):
        assert call("--config", config, "train", "--feedback", archive, other).code == 2
    assert call("--config", config, "train").code == 2
