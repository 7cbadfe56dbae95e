"""What the doctor reads in a real database and a real secret."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.config import Config
from mailtriage.doctor.facts import Knowledge, Templates
from mailtriage.doctor.model import Undone
from mailtriage.doctor.stored import look_at_knowledge, look_at_state, look_at_templates
from mailtriage.knowledge.answer_index import build_answers
from mailtriage.knowledge.answers import read_templates
from mailtriage.knowledge.index_build import build_index
from mailtriage.knowledge.model import Document, Section
from mailtriage.state.secret import make_secret
from mailtriage.state.sqlite import open_database
from tests.doctor.conftest import TOML, Configure

Owe = Callable[..., None]
MINUTE = 60.0


@pytest.fixture
def config(configure: Configure, tmp_path: Path) -> Config:
    """With the state in the test's directory, where there is a secret and an empty database."""
    make_secret(tmp_path / "secret")
    open_database(tmp_path / "state.db").close()
    return configure(f"[state]\nurl = 'sqlite://{tmp_path}/state.db'\n{TOML}")


@pytest.fixture
def owe(config: Config) -> Owe:
    """`owe("READY", created=…, due=…)` writes a row of the outbox; times in seconds from now."""

    def write(state: str, *, created: float = 0.0, due: float | None = None) -> None:
        now = time.time()
        with closing(open_database(config.state.database)) as connection:
            connection.execute(
                "INSERT INTO outbox (key, mailbox, domain, address, message, plan, state, due,"
                " created, expires, finished) VALUES (randomblob(16), 'help@desk.example',"
                " 'customer.example', 'kim@customer.example', x'00', '', ?, ?, ?, ?, ?)",
                (
                    state,
                    None if due is None else now + due,
                    now + created,
                    now + 86400,
                    now if due is None else None,
                ),
            )

    return write


def test_an_empty_state_is_a_healthy_one(config: Config) -> None:
    undone: list[Undone] = []
    state = look_at_state(config, undone)
    assert (state.secret_fault, state.database_fault, state.dead, state.ahead) == ("", "", 0, 0)
    assert undone == []


def test_what_was_given_up_and_what_is_late_is_counted(config: Config, owe: Owe) -> None:
    owe("DEAD", created=-60 * MINUTE)
    owe("READY", created=-60 * MINUTE, due=-30 * MINUTE)
    owe("RETRY", created=-60 * MINUTE, due=30 * MINUTE)
    owe("WAITING", created=-60 * MINUTE, due=-50 * MINUTE)
    state = look_at_state(config, [])
    assert state.dead == 1
    assert state.oldest_due == pytest.approx(30 * MINUTE, rel=0.1)
    assert state.ahead == 0


def test_a_row_of_tomorrow_shows_that_the_clock_was_put_back(config: Config, owe: Owe) -> None:
    owe("READY", created=60 * MINUTE, due=60 * MINUTE)
    assert look_at_state(config, []).ahead == pytest.approx(60 * MINUTE, rel=0.1)


def test_a_file_that_is_no_database_of_ours_is_a_fault(config: Config) -> None:
    config.state.database.write_bytes(b"not SQLite" * 100)
    assert "state.db" in look_at_state(config, []).database_fault


def test_a_state_that_is_not_there_yet_is_a_fault(config: Config) -> None:
    config.state.database.unlink()
    config.state.secret.unlink()
    state = look_at_state(config, [])
    assert "the first start" in state.secret_fault
    assert state.database_fault


def test_without_sources_a_knowledge_base_is_not_missed(
    configure: Configure, tmp_path: Path
) -> None:
    assert configure(TOML).kb.index.is_relative_to("/var/lib/mailtriage")
    if not Path("/var/lib/mailtriage/kb.idx").exists():
        assert look_at_knowledge(configure(TOML), []) is None
    wanted = configure(f"[kb]\nindex = '{tmp_path}/kb.idx'\n{TOML}")
    assert look_at_knowledge(wanted, []) == Knowledge(missing=True)


def test_the_age_of_the_knowledge_base_is_seen_and_damage_to_it(
    configure: Configure, tmp_path: Path
) -> None:
    index = tmp_path / "kb.idx"
    section = Section("Banks take three days.", "When is it back?", id="kb-1", language="en")
    build_index([Document((section,))], index)
    before = time.time() - 100 * 86_400
    os.utime(index, (before, before))
    config = configure(f"[kb]\nindex = '{index}'\n{TOML}")
    found = look_at_knowledge(config, [])
    assert found is not None
    assert (found.missing, found.fault) == (False, "")
    assert found.age == pytest.approx(100 * 86_400, rel=0.01)
    index.write_bytes(index.read_bytes()[:-64])
    found = look_at_knowledge(config, [])
    assert found is not None
    assert "damaged" in found.fault


TEMPLATE = """+++
id = "return-label"
title = "How to send something back"
language = "en"
questions = ["How do I send something back?"]
+++
Hello, you can send back your order within 30 days with the label from your account.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one answer template, written an hour ago."""
    folder = tmp_path / "answers"
    folder.mkdir()
    write_template(folder / "return-label.md", TEMPLATE, age=3600)
    return folder


@pytest.fixture
def answering(configure: Configure, folder: Path) -> Config:
    """With that folder, and the index in it, made a minute ago."""
    index = folder.parent / "answers.idx"
    build_answers(read_templates(folder), index, heading_weight=2.0)
    made = time.time() - MINUTE
    os.utime(index, (made, made))
    return configure(f"[answers]\nfolder = '{folder}'\nindex = '{index}'\n{TOML}")


def write_template(file: Path, text: str, *, age: float = 0.0) -> None:
    """Write it as if that many seconds ago."""
    file.write_text(text)
    written = time.time() - age
    os.utime(file, (written, written))


def test_answer_templates_as_they_were_indexed_are_well(answering: Config) -> None:
    assert look_at_templates(answering, []) == Templates()


def test_without_a_folder_of_answer_templates_nothing_is_missed(configure: Configure) -> None:
    assert look_at_templates(configure(TOML), []) is None


def test_an_index_of_answer_templates_that_is_gone_or_damaged_is_seen(answering: Config) -> None:
    index = answering.answers.index
    index.write_bytes(index.read_bytes()[:-64])
    found = look_at_templates(answering, [])
    assert found is not None
    assert "answers.idx" in found.fault
    index.unlink()
    assert look_at_templates(answering, []) == Templates(missing=True)


def test_a_template_that_was_changed_added_or_removed_since_is_seen(
    answering: Config, folder: Path
) -> None:
    label, more = folder / "return-label.md", folder / "more.md"
    write_template(label, TEMPLATE.replace("30 days", "14 days"))
    assert look_at_templates(answering, []) == Templates(is_behind=True)
    write_template(label, TEMPLATE, age=3600)
    # As `cp -p` or an archive brings it: older than the index.
    write_template(more, TEMPLATE.replace('"return-label"', '"more"'), age=3600)
    assert look_at_templates(answering, []) == Templates(is_behind=True)
    label.unlink()
    more.rename(folder / "other.md")
    assert look_at_templates(answering, []) == Templates(is_behind=True)


def test_a_mistake_in_a_template_is_told_with_its_place(answering: Config, folder: Path) -> None:
    write_template(folder / "return-label.md", TEMPLATE.replace("title", "titel"))
    found = look_at_templates(answering, [])
    assert found is not None
    assert "return-label.md:" in found.mistakes[0]


def test_a_node_that_was_brought_the_index_alone_needs_no_folder(
    answering: Config, folder: Path
) -> None:
    (folder / "return-label.md").unlink()
    folder.rmdir()
    assert look_at_templates(answering, []) == Templates()
