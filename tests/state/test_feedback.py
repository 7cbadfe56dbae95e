"""The file of corrections: the last one counts, nobody can be read out of it, and it stays small."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.acks.tokens import Tokens
from mailtriage.state.feedback import (
    Confusion,
    Correction,
    DamagedFeedbackError,
    Feedback,
    FeedbackError,
    feedback_file,
    forget,
    open_feedback,
    set_aside,
    write_corrections,
)

NOW = 1_795_500_000.0
DAY = 86_400.0
TOKENS = Tokens(b"a secret of the tests, 32 bytes and more")
ONE = Correction(
    TOKENS.pseudonym("message-id", "<m1@customer.example>"),
    "skill",
    "billing",
    "mail",
    NOW,
    "sales",
)


def mail(number: int) -> bytes:
    return TOKENS.pseudonym("message-id", f"<m{number}@customer.example>")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return feedback_file(tmp_path / "state.db")


def rows(file: Path) -> list[Correction]:
    with opened(file) as feedback:
        return feedback.corrections()


def opened(file: Path) -> Feedback:
    found = open_feedback(file)
    assert found is not None
    return found


def test_what_is_written_is_read(file: Path) -> None:
    assert write_corrections(file, [ONE]) == 1
    assert rows(file) == [ONE]


def test_only_its_owner_may_read_it(file: Path) -> None:
    write_corrections(file, [ONE])
    for one in file.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
def test_a_file_that_root_made_belongs_to_whom_the_folder_belongs_to(file: Path) -> None:
    os.chown(file.parent, 12345, 12346)
    write_corrections(file, [ONE])
    for one in file.parent.iterdir():
        assert (one.stat().st_uid, one.stat().st_gid) == (12345, 12346)


def test_the_last_correction_of_a_mail_and_facet_counts(file: Path) -> None:
    later = replace(ONE, value="returns", at=NOW + 1, source="command")
    other_facet = replace(ONE, facet="priority", value="high", said="")
    other_mail = replace(ONE, message=mail(2))
    write_corrections(file, [ONE, later, other_facet, other_mail])
    found = {(one.message, one.facet): one.value for one in rows(file)}
    assert found == {
        (ONE.message, "skill"): "returns",
        (ONE.message, "priority"): "high",
        (mail(2), "skill"): "billing",
    }


def test_an_older_one_that_comes_late_changes_nothing(file: Path) -> None:
    write_corrections(file, [ONE])
    assert write_corrections(file, [replace(ONE, value="returns", at=NOW - 1)]) == 0
    assert rows(file) == [ONE]


def test_what_was_said_first_stays_and_what_was_not_known_is_filled_in(file: Path) -> None:
    unknown = replace(ONE, message=mail(2), said="")
    write_corrections(file, [ONE, unknown])
    again = [replace(one, said="general", at=NOW + 1) for one in (ONE, unknown)]
    write_corrections(file, again)
    assert {one.message: one.said for one in rows(file)} == {
        ONE.message: "sales",
        mail(2): "general",
    }


def test_a_thousand_times_the_same_is_one_row_and_counts_once(file: Path) -> None:
    assert write_corrections(file, [ONE]) == 1
    size = file.stat().st_size
    for number in range(1000):
        assert write_corrections(file, [replace(ONE, at=NOW + number)]) == 0
    assert not file.with_name("feedback.db-wal").exists()
    assert file.stat().st_size == size
    with opened(file) as feedback:
        assert feedback.count() == 1
        assert feedback.written() == {("skill", "mail"): 1}


def test_corrections_of_a_period_newest_first(file: Path) -> None:
    some = [replace(ONE, message=mail(number), at=NOW + number) for number in range(5)]
    write_corrections(file, some)
    with opened(file) as feedback:
        assert feedback.corrections(NOW + 1, NOW + 4) == some[3:0:-1]
        assert feedback.corrections(limit=2) == [some[4], some[3]]
        assert feedback.count(NOW + 1, NOW + 4) == 3


def test_confusions_count_what_was_taken_for_what(file: Path) -> None:
    some = [replace(ONE, message=mail(number)) for number in range(3)]
    some += [replace(ONE, message=mail(3), value="sales")]  # it was right
    some += [replace(ONE, message=mail(4), at=NOW - DAY)]
    write_corrections(file, some)
    with opened(file) as feedback:
        assert feedback.confusions(since=NOW) == (
            Confusion("skill", "sales", "billing", 3),
            Confusion("skill", "sales", "sales", 1),
        )


def test_what_is_older_than_the_retention_is_forgotten(file: Path) -> None:
    write_corrections(file, [ONE, replace(ONE, message=mail(2), at=NOW - DAY)])
    assert forget(file, NOW - 1) == 1
    assert rows(file) == [ONE]
    assert mail(2) not in file.read_bytes()


def test_there_is_no_file_before_the_first_correction(file: Path) -> None:
    assert open_feedback(file) is None
    assert forget(file, NOW) == 0
    assert not file.exists()


def test_no_message_id_can_be_read_out_of_it(file: Path) -> None:
    write_corrections(file, [ONE])
    assert b"customer" not in file.read_bytes()


def test_a_file_of_somebody_else_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE mine (x)")
    before = file.read_bytes()
    with pytest.raises(FeedbackError, match="holds no corrections"):
        write_corrections(file, [ONE])
    with pytest.raises(FeedbackError, match="holds no corrections"):
        open_feedback(file)
    assert file.read_bytes() == before


def test_a_later_version_is_left_alone(file: Path) -> None:
    write_corrections(file, [ONE])
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(FeedbackError, match="another mailtriage"):
        write_corrections(file, [ONE])


def test_a_damaged_file_is_told_apart_and_can_be_set_aside(file: Path) -> None:
    file.write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(DamagedFeedbackError):
        write_corrections(file, [ONE])
    assert set_aside(file).name == "feedback.db.damaged"
    write_corrections(file, [ONE])
    assert rows(file) == [ONE]


def test_no_error_is_one_of_sqlite_or_the_system(file: Path) -> None:
    """Either would mean to the desk that the database of what is owed is at fault."""
    with pytest.raises(FeedbackError):
        write_corrections(file.parent / "nowhere" / "feedback.db", [ONE])
    write_corrections(file, [ONE])
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FeedbackError, match="locked"):
            write_corrections(file, [ONE])


def test_many_write_at_once(file: Path) -> None:
    """The first of them make the file."""

    def work(first: int) -> None:
        for number in range(first, first + 25):
            write_corrections(file, [replace(ONE, message=mail(number))])

    threads = [threading.Thread(target=work, args=(25 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with opened(file) as feedback:
        assert feedback.count() == 100
        assert feedback.written() == {("skill", "mail"): 100}


KILLED = """
import os, sys
from pathlib import Path
from mailtriage.state.feedback import Correction, write_corrections
for number in range(1000):
    one = Correction(number.to_bytes(16), "skill", "billing", "mail", 1.0)
    write_corrections(Path(sys.argv[1]), [one])
    os.write(1, b".")
"""


@pytest.fixture
def victim(file: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", KILLED, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield process


def test_what_was_written_is_there_after_a_kill(
    file: Path, victim: subprocess.Popen[bytes]
) -> None:
    assert victim.stdout is not None
    told = len(victim.stdout.read(20))
    victim.kill()
    told += len(victim.stdout.read())
    with opened(file) as feedback:
        assert told <= feedback.count() <= told + 1


def test_a_directory_that_cannot_be_asked_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """Not one that ends whoever looks after it."""
    file = tmp_path / ("x" * 300) / "feedback.db"
    with pytest.raises(FeedbackError):
        forget(file, 0.0)
    with pytest.raises(FeedbackError):
        open_feedback(file)
