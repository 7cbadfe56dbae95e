"""mailtriage train as a person calls it: what it says, what it writes, how it ends.

Without the shipped policies nothing but the mails given is learnt from, so that it takes a second;
tests/learning/test_own_skills.py has the shipped corpus beside them.
"""

import json
import mailbox
import os
import signal
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailtriage.classifier.store import load_model, read_about
from tests.commands.conftest import COMMAND, Call, Done, Write

THEATRE = Path(__file__).resolve().parents[1] / "learning" / "data" / "theatre.jsonl"
SKILLS = {"events", "lost-and-found", "season-ticket"}
CONFIG = '[policies]\nshipped = false\n[model]\nfile = "lib/model.npz"\n'


def mails() -> list[dict[str, Any]]:
    return [json.loads(line) for line in THEATRE.read_text("utf-8").splitlines()]


def as_jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def reworded() -> str:
    """Mails that the model of THEATRE gets right nearly as if it had been shown them."""
    return as_jsonl([{**row, "text": f"{row['text']} please"} for row in mails()])


@pytest.fixture
def config(write: Write, tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    return write("mailtriage.toml", CONFIG.replace("lib/", f"{tmp_path}/lib/"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "model.npz"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


class TestInstalls:
    def test_it_says_how_well_and_where_to(self, call: Call, config: Path, model: Path) -> None:
        done = call("--config", config, "train", THEATRE)
        assert done.code == 0, done.err
        for wanted in ("accuracy", "macro-F1", "calibration error", "surest 80 %", *SKILLS):
            assert wanted in done.out
        assert f"installed: {model}" in done.out.replace("\n", "")
        assert "systemctl reload mailtriage" in done.out
        assert set(load_model(model).labels("skill")) == SKILLS
        assert "previous" not in done.out

    def test_the_same_mails_give_the_same_file(
        self, call: Call, config: Path, tmp_path: Path
    ) -> None:
        for name in ("one", "two"):
            file = tmp_path / name
            assert call("--config", config, "train", THEATRE, "--output", file).code == 0
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_json_has_every_figure(self, call: Call, config: Path) -> None:
        told = json.loads(call("--config", config, "train", THEATRE, "--json").out)
        skill = told["facets"]["skill"]
        assert skill["n"] == 60
        assert set(skill["labels"]) == SKILLS
        assert set(skill["labels"]["events"]) == {"n", "precision", "recall", "f1"}
        low, high = skill["macro_f1_interval"]
        assert low <= skill["macro_f1"] <= high
        assert set(skill["coverage"]) == {"0.90", "0.80", "0.70"}
        assert told["installed"] is True
        assert told["seconds"] > 0
        assert told["megabytes"] > 0

    def test_the_mails_themselves_are_nowhere(
        self, call: Call, config: Path, write: Write, tmp_path: Path
    ) -> None:
        words = [{**row, "text": f"{row['text']} Xylophonica"} for row in mails()]
        done = call("--config", config, "train", write("own.jsonl", as_jsonl(words)))
        assert "xylophonica" not in (done.out + done.err).lower()
        assert b"xylophonica" not in b"".join(tree(tmp_path / "lib").values()).lower()

    def test_a_maildir_with_a_folder_a_skill(
        self, call: Call, config: Path, model: Path, tmp_path: Path
    ) -> None:
        box = mailbox.Maildir(tmp_path / "box", create=True)
        for row in mails():
            message = EmailMessage()
            message["Subject"] = "Question"
            message["From"] = "someone@example.org"
            message.set_content(row["text"])
            name = row["skill"]
            folder = box.get_folder(name) if name in box.list_folders() else box.add_folder(name)
            folder.add(message)
        done = call("--config", config, "train", tmp_path / "box", "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["facets"]["skill"]["macro_f1"] > 0.5
        assert set(load_model(model).labels("skill")) == SKILLS

    def test_explain_then_shows_the_own_skill(self, call: Call, config: Path, write: Write) -> None:
        mail = write("a.eml", "From: a@example.org\nSubject: lost\n\nI left my umbrella in row 3\n")
        before = json.loads(call("--config", config, "explain", "--json", mail).out)
        assert before["skill"] not in SKILLS
        call("--config", config, "train", THEATRE)
        after = json.loads(call("--config", config, "explain", "--json", mail).out)
        assert after["skill"] == "lost-and-found"


class TestKeepsTheBetterOne:
    def test_a_worse_one_is_refused_unless_forced(
        self, call: Call, config: Path, model: Path, write: Write
    ) -> None:
        assert call("--config", config, "train", THEATRE).code == 0
        good = model.read_bytes()
        again = write("again.jsonl", reworded())
        for dry in ((), ("--dry-run",)):
            done = call("--config", config, "train", again, *dry)
            assert done.code == 1
            assert "the model in use is better" in done.err
            assert ": worse" in done.out
            assert tree(model.parent) == {"model.npz": good}
        done = call("--config", config, "train", again, "--force", "--json")
        assert done.code == 0
        told = json.loads(done.out)
        assert told["compared"]["skill"]["worse"]
        assert told["compared"]["skill"]["in_use"] > told["compared"]["skill"]["new"]
        assert told["previous"] == f"{model}.previous"
        assert Path(told["previous"]).read_bytes() == good
        assert model.read_bytes() != good

    def test_the_same_mails_again_are_no_worse(self, call: Call, config: Path, model: Path) -> None:
        """The model in use knows them by heart: its figure of then stands for it."""
        assert call("--config", config, "train", THEATRE).code == 0
        done = call("--config", config, "train", THEATRE, "--json")
        assert done.code == 0, done.err
        compared = json.loads(done.out)["compared"]["skill"]
        assert (compared["basis"], compared["seen_by_model_in_use"]) == ("seen", 1.0)

    def test_a_new_skill_makes_it_a_better_one(
        self, call: Call, config: Path, write: Write
    ) -> None:
        few = [row for row in mails() if row["skill"] != "events"]
        assert call("--config", config, "train", write("few.jsonl", as_jsonl(few))).code == 0
        done = call("--config", config, "train", write("all.jsonl", reworded()), "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["compared"]["skill"]["basis"] == "new"

    def test_a_rollback_swaps(self, call: Call, config: Path, model: Path, write: Write) -> None:
        none = call("--config", config, "train", "--rollback")
        assert none.code == 1
        assert "no earlier model" in none.err
        call("--config", config, "train", THEATRE)
        first = model.read_bytes()
        more = [{**row, "text": f"Hello, {row['text']}"} for row in mails()]
        done = call("--config", config, "train", write("more.jsonl", as_jsonl(more)), "--force")
        assert done.code == 0, done.err
        assert "model.npz.previous" in done.out.replace("\n", "")
        second = model.read_bytes()
        assert first != second
        assert call("--config", config, "train", "--rollback").code == 0
        assert model.read_bytes() == first
        assert call("--config", config, "train", "--rollback").code == 0
        assert model.read_bytes() == second


class TestSaysWhatIsWrong:
    def fails(self, done: Done, *words: str) -> None:
        assert done.code == 1
        for word in words:
            assert word in done.err

    def test_nothing_is_written_on_a_dry_run(
        self, call: Call, config: Path, tmp_path: Path
    ) -> None:
        before = tree(tmp_path)
        done = call("--config", config, "train", THEATRE, "--dry-run")
        assert done.code == 0
        assert "nothing was written" in done.out
        assert tree(tmp_path) == before

    def test_a_folder_that_is_missing(self, call: Call, config: Path, tmp_path: Path) -> None:
        done = call("--config", config, "train", THEATRE, "--output", tmp_path / "no" / "m.npz")
        self.fails(done, "there is no such folder", "--output")

    def test_mistakes_in_the_labels_are_named_with_their_lines(
        self, call: Call, config: Path, write: Write
    ) -> None:
        rows = mails()
        rows[3]["mood"] = "furious"
        done = call("--config", config, "train", write("own.jsonl", as_jsonl(rows)))
        self.fails(done, "own.jsonl:4", "furious")

    def test_mails_that_cannot_be_read_are_named(
        self, call: Call, config: Path, write: Write
    ) -> None:
        rows = [*mails(), {"file": "gone.eml", "skill": "events"}]
        done = call("--config", config, "train", write("own.jsonl", as_jsonl(rows)), "--json")
        assert done.code == 0, done.err
        assert any("gone.eml" in said for said in json.loads(done.out)["warnings"])

    def test_a_skill_with_one_mail(self, call: Call, config: Path, write: Write) -> None:
        rows = [*mails(), {"text": "Bitte löschen Sie meine Adresse", "skill": "erasure"}]
        file = write("own.jsonl", as_jsonl(rows))
        self.fails(call("--config", config, "train", file), "erasure", "--force")
        assert call("--config", config, "train", file, "--force").code == 0

    def test_skills_with_few_mails(self, call: Call, config: Path, write: Write) -> None:
        rows = mails()
        kept = [row for row in rows if row["skill"] != "events"]
        kept += [row for row in rows if row["skill"] == "events"][:5]
        few = json.loads(
            call("--config", config, "train", write("own.jsonl", as_jsonl(kept)), "--json").out
        )
        assert any("events (5)" in said for said in few["warnings"])

    def test_one_skill_alone_teaches_nothing(self, call: Call, config: Path, write: Write) -> None:
        rows = [row for row in mails() if row["skill"] == "events"]
        done = call("--config", config, "train", write("own.jsonl", as_jsonl(rows)))
        self.fails(done, "two skills at least")

    def test_a_configuration_with_mistakes(self, call: Call, write: Write) -> None:
        done = call("--config", write("bad.toml", "[modell]\n"), "train", THEATRE)
        self.fails(done, "bad.toml:1", "modell")

    def test_a_broken_model_in_use_is_told_and_replaced(
        self, call: Call, config: Path, model: Path
    ) -> None:
        model.write_bytes(b"cut short")
        done = call("--config", config, "train", THEATRE, "--json")
        assert done.code == 0, done.err
        assert any("cannot be read" in said for said in json.loads(done.out)["warnings"])
        assert set(load_model(model).labels("skill")) == SKILLS
        assert read_about(model)["lessons"] == 60

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--rollback", "--shipped"),
            (THEATRE, "--rollback"),
            (THEATRE, "--shipped"),
            ("--rollback", "--force"),
            ("--shipped", "--json"),
            ("no/such/file.jsonl",),
        ],
    )
    def test_a_wrong_call(self, call: Call, config: Path, arguments: tuple[object, ...]) -> None:
        assert call("--config", config, "train", *arguments).code == 2

    def test_without_scikit_learn(self, call: Call, config: Path, tmp_path: Path) -> None:
        """A finder before all others that knows of no such module, as where it is not installed."""
        hidden = tmp_path / "hidden"
        hidden.mkdir()
        (hidden / "sitecustomize.py").write_text(
            "import importlib.util as u\n"
            "find = u.find_spec\n"
            "u.find_spec = lambda name, *more: None if name == 'sklearn' else find(name, *more)\n"
        )
        done = call("--config", config, "train", THEATRE, env={"PYTHONPATH": str(hidden)})
        self.fails(done, "pip install 'mailtriage[train]'")


def test_an_interrupt_leaves_everything_as_it_was(config: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    for wait in (0.6, 1.2):
        with subprocess.Popen(
            [*COMMAND, "--config", config, "train", THEATRE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        ) as process:
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        if process.returncode == 0:  # it was quicker than the interrupt
            break
        assert process.returncode in (130, -signal.SIGINT)
        assert b"fault of mailtriage" not in err
        assert tree(tmp_path) == before
