"""mailtriage eval: what a person and CI see, and that the totals are true."""

import json
import os
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailtriage.cli_learning import _BY
from mailtriage.commands.explain import explain_one
from mailtriage.demo.embedded import sample_files
from mailtriage.doors.files import StoredMail
from mailtriage.evaluation.judged import FACETS
from mailtriage.evaluation.plot import NO_MATPLOTLIB, png_is_possible
from mailtriage.service.load import read_everything
from tests.commands.conftest import COMMAND, Call, Write

GOLD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gold"

UTTERANCES = """\
{"id": "u1", "text": "The amount on the invoice is wrong.", "language": "en", "skill": "billing", "kind": "human"}
{"id": "u2", "text": "Wo bleibt mein Paket? Es sollte gestern kommen.", "language": "de", "skill": "delivery", "kind": "human"}
{"id": "u3[b]", "text": "Ich habe meine Rechnung nicht erhalten, bitte senden.", "language": "de", "skill": "privacy", "kind": "human"}
"""


@pytest.fixture
def gold(write: Write) -> Path:
    return write("gold.jsonl", UTTERANCES)


def as_lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_tables(call: Call, defaults: Path, gold: Path) -> None:
    done = call("--config", defaults, "eval", "gold.jsonl")
    assert (done.code, done.err) == (0, "")
    lines = as_lines(done.out)
    assert lines[0] == "gold.jsonl: 3 mails"
    assert "language 1.000 0.439 to 1.000 3" in lines
    assert "skill 0.667 0.208 to 0.939 3" in lines
    assert "not measured: mood, macro-F1: no mail has the label 'mood'" in lines
    assert any(line.startswith("de 2 1.00 0.50") for line in lines), "the table of languages"
    assert "skill privacy billing 1" in lines
    assert any(line.startswith("Slowest mails (median") for line in lines)
    assert "Wrong: skill" not in lines
    assert max(map(len, done.out.splitlines())) <= 120


def test_the_tables_fit_a_narrow_terminal(call: Call, defaults: Path, gold: Path) -> None:
    done = call("--config", defaults, "eval", gold, env={"COLUMNS": "80"})
    assert done.code == 0
    body = done.out.splitlines()[1:]  # the first line is the path
    assert max(map(len, body)) <= 80
    assert "skill                         0.667  0.208 to 0.939      3" in done.out


def test_wrong_answers_without_words_of_the_mail(call: Call, defaults: Path, gold: Path) -> None:
    done = call("--config", defaults, "eval", "gold.jsonl", "--errors", "5")
    lines = as_lines(done.out)
    (wrong,) = [line for line in lines if line.startswith("u3[b] gold.jsonl:3 privacy billing")]
    assert "billing-" in wrong.rpartition("billing ")[2] or "billing-" in wrong
    assert "Rechnung" not in done.out
    assert "erhalten" not in done.out


def test_a_table_by_another_facet(call: Call, defaults: Path, gold: Path) -> None:
    done = call("--config", defaults, "eval", "gold.jsonl", "--by", "skill")
    assert {"By language", "By skill"} <= set(as_lines(done.out))
    done = call("--config", defaults, "eval", "gold.jsonl", "--by", "skills")
    assert (done.code, done.out) == (2, "")


def test_json_has_every_figure(call: Call, defaults: Path, gold: Path) -> None:
    command = ("--config", defaults, "eval", gold, "--json", "--by", "skill", "--errors", "2")
    done = call(*command)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["gold"], found["mails"]) == (str(gold), 3)
    assert found["figures"]["skill"]["value"] == pytest.approx(2 / 3)
    assert found["figures"]["skill"]["n"] == 3
    assert found["by"]["language"]["de"]["skill"]["value"] == 0.5
    assert sorted(found["by"]["skill"]) == ["billing", "delivery", "privacy"]
    assert found["confusions"]["skill"] == [{"expected": "privacy", "got": "billing", "count": 1}]
    (error,) = found["errors"]["skill"]
    assert (error["id"], error["expected"], error["got"]) == ("u3[b]", "privacy", "billing")
    assert set(found["not_measured"]) & set(found["figures"]) == set()
    again = json.loads(call(*command).out)
    for key in ("figures", "by", "confusions", "calibration", "errors"):
        assert again[key] == found[key], "the same mails give the same figures"


@pytest.mark.parametrize(
    ("floors", "code", "complaints"),
    [
        ("[floors]\nskill = 0.6\nlanguage = 1.0\n", 0, []),
        (
            "[floors]\nskill = 0.9\nlanguage = 1.0\nmood_macro_f1 = 0.1\n",
            1,
            [
                "mailtriage: skill: 0.667 (0.208 to 0.939, n = 3) is below its floor 0.9",
                "mailtriage: mood_macro_f1: not measured: no mail has the label 'mood'",
            ],
        ),
        ("[ceilings]\nhumans_called_non_human = 0.0\n", 0, []),
    ],
)
@pytest.mark.parametrize("json_or_not", [(), ("--json",)], ids=["tables", "json"])
def test_floors(
    call: Call,
    defaults: Path,
    gold: Path,
    write: Write,
    floors: str,
    code: int,
    complaints: list[str],
    json_or_not: tuple[str, ...],
) -> None:
    file = write("floors.toml", floors)
    done = call("--config", defaults, "eval", gold, "--floors", file, *json_or_not)
    assert (done.code, done.err.splitlines()) == (code, complaints)
    assert done.out, "the figures are shown in any case"


def test_a_mistake_in_the_floors_is_told_before_anything_is_judged(
    call: Call, defaults: Path, gold: Path, write: Write
) -> None:
    file = write("floors.toml", "[floors]\nskil = 0.8\n")
    done = call("--config", defaults, "eval", gold, "--floors", file)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"{file}:2: floors.skil: unknown key — did you mean 'skill'?\n"


def test_a_mistake_in_the_labels(call: Call, quick: Path, write: Write) -> None:
    file = write("gold.jsonl", '{"text": "a", "mood": "negativ"}\n')
    done = call("--config", quick, "eval", file)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"""{file}:1: mood: "negativ" is unknown — did you mean 'negative'?\n"""


def test_a_mail_that_cannot_be_read_is_named_and_not_fatal(
    call: Call, quick: Path, write: Write
) -> None:
    write("set/a.eml", "Subject: x\n\nHello\n")
    write("set/labels.jsonl", '{"file": "a.eml", "skill": "x"}\n{"file": "b.eml", "skill": "x"}\n')
    done = call("--config", quick, "eval", "set")
    assert (done.code, done.err) == (0, "")
    assert "could not be read: set/b.eml: no such file or directory" in as_lines(done.out)


def test_the_plot(call: Call, quick: Path, gold: Path, tmp_path: Path) -> None:
    done = call("--config", quick, "eval", gold, "--plot", "plot.svg")
    assert (done.code, done.err) == (0, "")
    assert "language: ECE" in (tmp_path / "plot.svg").read_text("utf-8")
    done = call("--config", quick, "eval", gold, "--plot", "plot.png")
    if png_is_possible():
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert (done.code, done.out) == (2, "")
        assert done.err == f"mailtriage: --plot: {NO_MATPLOTLIB}\n"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("plot.pdf", "'plot.pdf' ends neither in .svg nor in .png"),
        ("no/plot.svg", "there is no folder 'no' to write a file in"),
    ],
)
def test_a_plot_that_cannot_be(
    call: Call, quick: Path, gold: Path, name: str, complaint: str
) -> None:
    done = call("--config", quick, "eval", gold, "--plot", name)
    assert (done.code, done.out, done.err) == (2, "", f"mailtriage: --plot: {complaint}\n")


def test_a_plot_that_cannot_be_written(call: Call, quick: Path, gold: Path) -> None:
    done = call("--config", quick, "eval", gold, "--plot", "/proc/plot.svg")
    assert done.code == 1
    assert "/proc/plot.svg: cannot be written: " in done.err


def test_a_place_that_is_not_there(call: Call, quick: Path) -> None:
    done = call("--config", quick, "eval", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "'nowhere' does not exist" in done.err


def test_nothing_is_written(call: Call, defaults: Path, gold: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert call("--config", defaults, "eval", gold).code == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_progress_is_for_a_terminal_only(quick: Path, gold: Path) -> None:
    master, terminal = os.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "--config", quick, "eval", gold, "--json"],
            stdout=subprocess.PIPE,
            stderr=terminal,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm"},
            check=True,
            timeout=60,
        )
        os.close(terminal)
        seen = os.read(master, 100_000).decode()
    finally:
        os.close(master)
    assert "judging" in seen
    assert "judging" not in done.stdout.decode()


def test_every_facet_can_be_asked_for() -> None:
    assert _BY == FACETS


def test_sample_mails_sorted_into_folders(call: Call, defaults: Path, tmp_path: Path) -> None:
    for file in sample_files():
        place = tmp_path / "sorted" / "Some Skill"
        place.mkdir(parents=True, exist_ok=True)
        (place / file.name).write_bytes(file.read_bytes())
    found = json.loads(call("--config", defaults, "eval", "sorted", "--json").out)
    assert found["mails"] == len(sample_files())
    assert found["figures"]["skill"]["value"] == 0.0, "there is no such policy here"
    assert found["notes"] == ["read: 'Some Skill' as some-skill"]


@pytest.mark.skipif(not GOLD.is_dir(), reason=f"no labelled mails in {GOLD}")
def test_the_totals_of_a_large_set_are_those_of_a_count_by_hand(call: Call, defaults: Path) -> None:
    found = json.loads(call("--config", defaults, "eval", GOLD, "--json").out)
    analyst = read_everything([defaults]).analyst()
    labels = [json.loads(line) for line in (GOLD / "gold.jsonl").read_text("utf-8").splitlines()]
    right: Counter[str] = Counter()
    humans = either = robots = 0
    confused: Counter[tuple[str, str]] = Counter()
    for label in labels:
        raw = (GOLD / label["file"]).read_bytes()
        analysis, mail = explain_one(analyst, StoredMail(label["file"], raw), "", None, "")
        said = partial(getattr, analysis.triage)
        for facet in ("language", "kind", "thread"):
            right[facet] += said(facet) == label[facet]
        right["newest_text"] += mail.newest_text.split() == label["newest_text"].split()
        if label["kind"] != "human":
            continue
        humans += 1
        robots += said("kind") != "human"
        right["skill"] += said("skill") == label["skill"]
        right["priority"] += said("priority") == label["priority"]
        either += said("skill") in [label["skill"], *label["skills_also"]]
        confused[label["churn"], str(said("churn"))] += 1

    def total(key: str, count: int, n: int) -> tuple[Any, ...]:
        figure = found["figures"][key]
        return round(figure["value"] * n, 6), figure["n"], count

    assert found["mails"] == len(labels)
    assert (found["unreadable"], found["faults"], found["not_measured"]) == ([], [], {})
    for key in ("language", "kind", "thread", "newest_text"):
        assert total(key, right[key], len(labels)) == (right[key], len(labels), right[key])
    for key in ("skill", "priority"):
        assert total(key, right[key], humans) == (right[key], humans, right[key])
    assert total("skill_or_second", either, humans)[0] == either
    assert total("humans_called_non_human", robots, humans)[0] == robots
    high = confused["high", "high"]
    others = sum(count for pair, count in confused.items() if pair.count("high") == 1)
    assert found["figures"]["churn_high_f1"]["value"] == pytest.approx(
        2 * high / (2 * high + others)
    )
    assert sum(entry["n"] for entry in found["calibration"]["skill"]) == humans
