"""Log lines: one line whatever is in it, no address in the clear, and nobody waits for a reader."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.service import log as log_module
from mailtriage.service.log import MAX_WAITING, AddressMask, Log, logfmt
from tests.service.conftest import Stream
from tests.support.serve import wait_for

FIELD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)')


def parsed(line: str) -> dict[str, str]:
    """What a logfmt reader makes of a line."""
    values = {}
    for key, value in FIELD.findall(line):
        text = value[1:-1] if value.startswith('"') else value
        values[key] = re.sub(
            r"\\(x[0-9a-f]{2}|.)",
            lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 3 else found[1],
            text,
        )
    assert FIELD.sub("", line).strip() == "", line
    return values


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("4Wx0ab1cd2z3ef", "4Wx0ab1cd2z3ef"),
        (3, "3"),
        ("a,b", "a,b"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("C:\\temp", r'"C:\\temp"'),
        ("one\ntwo\r\n", r'"one\x0atwo\x0d\x0a"'),
        ("\x1b[31m\x9b\x00\x7f", r'"\x1b[31m\x9b\x00\x7f"'),
        ("räksmörgås", '"räksmörgås"'),
    ],
)
def test_values_are_quoted_where_a_reader_would_stumble(value: object, written: str) -> None:
    assert logfmt({"key": value}) == f"key={written}"


@given(st.dictionaries(st.sampled_from(["sender", "fault", "rules"]), st.text()))
def test_any_text_stays_in_its_field_and_on_its_line(fields: dict[str, str]) -> None:
    line = logfmt(fields)
    assert re.search(r"[\x00-\x1f\x7f-\x9f]", line) is None
    assert parsed(line) == fields


def test_bytes_that_are_no_text_do_not_stop_the_log(stream: Stream) -> None:
    Log(stream=stream.writer).line("info", {"sender": "\udcff@example.org"})
    assert stream.read() == 'level=info sender="\\udcff@example.org"\n'


@pytest.mark.parametrize(
    ("threshold", "shown"),
    [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")],
)
def test_what_is_below_the_level_is_left_out(stream: Stream, threshold: str, shown: str) -> None:
    log = Log(threshold, stream.writer)
    log.line("debug", {"key": "d"})
    log.line("info", {"key": "i"})
    log.line("warning", {"key": "w"})
    log.line("error", {"key": "e"})
    assert "".join(re.findall("key=(.)", stream.read())) == shown


def test_the_journal_gets_its_priorities(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream.name())
    log = Log("debug", stream.writer)
    log.line("debug", {"key": 1})
    log.line("info", {"key": 2})
    log.line("warning", {"key": 3})
    log.line("error", {"key": 4})
    assert stream.read().splitlines() == ["<7>key=1", "<6>key=2", "<4>key=3", "<3>key=4"]


@pytest.mark.parametrize("named", ["", "8:12345", "nonsense"])
def test_who_only_inherited_the_journals_variable_gets_words(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", named)
    Log(stream=stream.writer).line("warning", {"key": 1})
    assert stream.read() == "level=warning key=1\n"


def finishes(work: Callable[[], object]) -> bool:
    """Whether it comes to an end: in a thread, so that a test of waiting does not wait for ever."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"number=(\d+)", text)]


def test_nobody_waits_for_a_standard_error_that_is_not_read(stream: Stream) -> None:
    stream.fill()
    log = Log(stream=stream.writer)
    log.start_thread()

    def write() -> None:
        for number in range(MAX_WAITING + 500):
            log.line("info", {"number": number})

    assert finishes(write)

    text = ""

    def last_line_came() -> bool:
        nonlocal text
        text += stream.read()
        return f"number={MAX_WAITING + 499}\n" in text

    wait_for(last_line_came, "what waited", 30)
    assert numbers(text)[-9000:] == list(range(MAX_WAITING - 8500, MAX_WAITING + 500))
    dropped = re.search(r"level=warning event=log-dropped lines=(\d+)\n", text)
    assert dropped is not None
    assert len(numbers(text)) + int(dropped[1]) == MAX_WAITING + 500


def test_without_the_thread_a_reader_that_stalls_delays_and_loses_nothing(stream: Stream) -> None:
    """The supervisor has no thread, since it forks; it must not stop watching its workers."""
    filled = stream.fill()
    log = Log(stream=stream.writer)
    assert finishes(lambda: [log.line("info", {"number": number}) for number in range(3)])
    assert stream.read() == "x" * filled
    log.line("info", {"number": 3})
    assert numbers(stream.read()) == [0, 1, 2, 3]


def test_a_child_does_not_repeat_what_its_parent_could_not_write(stream: Stream) -> None:
    stream.fill()
    log = Log(stream=stream.writer)
    log.line("info", {"number": 1})
    child = os.fork()
    if child == 0:
        log.start_thread()
        stream.read()
        log.line("info", {"number": 2})
        log.flush()
        os._exit(0)
    os.waitpid(child, 0)
    log.flush()
    assert sorted(numbers(stream.read())) == [1, 2]


def test_lines_of_several_processes_are_not_mixed(stream: Stream) -> None:
    """All of them share one standard error; a pipe keeps only up to PIPE_BUF bytes together."""
    filler = "f" * 300
    children = []
    for name in "abcd":
        child = os.fork()
        if child == 0:
            log = Log(stream=stream.writer)
            log.start_thread()
            for number in range(300):
                log.line("info", {"who": name, "number": number, "filler": filler})
            for _ in range(100):
                log.flush()
            os._exit(0)
        children.append(child)
    text = ""

    def all_came() -> bool:
        nonlocal text
        text += stream.read()
        return text.count("\n") == 4 * 300

    wait_for(all_came, "all lines", 30)
    for child in children:
        os.waitpid(child, 0)
    for line in text.splitlines():
        assert re.fullmatch(rf"level=info who=[abcd] number=\d+ filler={filler}", line), line
    for name in "abcd":
        assert numbers("".join(re.findall(rf"who={name} number=\d+ ", text))) == list(range(300))


def test_a_line_longer_than_a_pipe_takes_at_once_is_written_whole(stream: Stream) -> None:
    log = Log(stream=stream.writer)
    log.line("info", {"long": "x" * 20_000})
    log.line("info", {"number": 1})
    assert stream.read() == f"level=info long={'x' * 20_000}\nlevel=info number=1\n"


def test_a_standard_error_that_has_gone_is_no_fault(stream: Stream) -> None:
    closed = os.dup(stream.writer)
    os.close(closed)
    Log(stream=closed).line("error", {"key": 1})
    reader, writer = os.pipe()
    os.close(reader)
    try:
        Log(stream=writer).line("error", {"key": 1})
    finally:
        os.close(writer)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key as an administrator makes it."""
    file = tmp_path / "key"
    file.write_bytes(b"0123456789abcdef")
    return file


def test_hashes_of_one_key_stay_the_same(key_file: Path) -> None:
    first, second = AddressMask("hashed", key_file), AddressMask("hashed", key_file)
    assert first("kim@customer.example") == second("Kim@Customer.Example")
    assert first("kim@customer.example") != first("kim@customer.test")
    assert re.fullmatch("[0-9a-f]{12}", first("kim@customer.example"))


def test_hashes_of_other_keys_and_of_none_differ(key_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"0123456789abcdeF")
    masks = [AddressMask("hashed", file) for file in (key_file, other, None)]
    assert len({mask("kim@customer.example") for mask in masks}) == len(masks)


def test_without_a_key_the_processes_of_one_run_agree_and_no_other_run_does() -> None:
    script = """
import os
from mailtriage.service.log import AddressMask
pid = os.fork()
os.write(1, AddressMask("hashed", None)("kim@customer.example").encode() + b"\\n")  # at once
if pid:
    os.waitpid(pid, 0)
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
        ).stdout.split()
        for _ in range(2)
    ]
    for parent, child in runs:
        assert parent == child
    assert runs[0] != runs[1]


@pytest.mark.parametrize("shown", ["hashed", "plain"])
def test_the_null_sender_is_no_secret(shown: str) -> None:
    assert AddressMask(shown, None)("") == "<>"


def test_addresses_are_shown_where_that_is_switched_on(key_file: Path) -> None:
    assert AddressMask("plain", key_file)("Kim@customer.example") == "Kim@customer.example"


@pytest.mark.parametrize(
    "address", ["\udcff@x.example", "\ud800", "räksmörgås@x.example", "a" * 10_000]
)
def test_every_address_has_a_hash(address: str) -> None:
    assert re.fullmatch("[0-9a-f]{12}", AddressMask("hashed", None)(address))


def test_the_patience_is_short_beside_the_supervisors_watch() -> None:
    """A supervisor that cannot log still hears its workers' signs of life in time."""
    assert log_module.PATIENCE < 1
