"""mailtriage top: what it says when it can show something, and what when it cannot."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from mailtriage.commands.top_decisions import read_decisions
from mailtriage.config import Config, load
from mailtriage.state.history_schema import COLUMNS, history_file
from mailtriage.state.history_writer import HistoryWriter
from tests.commands.conftest import COMMAND, Call, Write
from tests.support.metrics_pages import Metrics, healthy, serving
from tests.support.postfix import free_port


@pytest.fixture
def pages() -> dict[str, tuple[int, bytes]]:
    """What the service answers with; a test may change it."""
    metrics = Metrics(started=time.time() - 3600)
    metrics.mails(7)
    return healthy(metrics)


@pytest.fixture
def service(pages: dict[str, tuple[int, bytes]], write: Write) -> Iterator[Path]:
    """The configuration of a service that answers with the pages."""
    with serving(pages) as server:
        assert isinstance(server, ThreadingHTTPServer)
        yield configured(write, f"inet:127.0.0.1:{server.server_port}")


def configured(write: Write, listen: str, more: str = "") -> Path:
    """A configuration with its state in the test's directory."""
    here = write("state/empty", "").parent
    toml = f'[metrics]\nlisten = "{listen}"\n[state]\nurl = "sqlite://{here}/state.db"\n{more}'
    return write("mailtriage.toml", toml)


ONCE = ("top", "--once", "--interval", "200ms")


def test_once_prints_a_page_without_a_terminal(call: Call, service: Path) -> None:
    done = call("--config", service, *ONCE)
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    for word in ("mailtriage 0.1.0", "ready", "since start, 60 min", "billing", "LAST DECISIONS"):
        assert word in done.out
    assert "history.db: is not there yet" in done.out


def test_the_width_is_what_the_environment_says(call: Call, service: Path) -> None:
    for width in ("60", "200"):
        done = call("--config", service, *ONCE, env={"COLUMNS": width})
        assert len(done.out.splitlines()[0]) == int(width)


def test_a_locale_without_letters_gets_none(call: Call, service: Path) -> None:
    env = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    done = call("--config", service, *ONCE, env=env)
    assert done.code == 0
    assert "####" in done.out
    assert done.out.isascii()


def test_json_once_is_one_object(call: Call, service: Path) -> None:
    done = call("--config", service, *ONCE, "--json")
    (page,) = map(json.loads, done.out.splitlines())
    assert page["long"]["inbound"] == 7
    assert page["short"]["inbound"] == 0
    assert page["skills"] == [{"name": "billing", "count": 7}]
    assert page["health"][0] == {"text": "ready", "level": "good"}


def test_json_goes_on_and_says_when_the_service_is_gone(
    pages: dict[str, tuple[int, bytes]], write: Write
) -> None:
    with serving(pages) as server:
        assert isinstance(server, ThreadingHTTPServer)
        config = configured(write, f"inet:127.0.0.1:{server.server_port}")
        command = [*COMMAND, "--config", str(config), "top", "--json", "--interval", "200ms"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        first = [json.loads(running.stdout.readline()) for _ in range(2)]
    try:
        assert [page["fault"] for page in first] == ["", ""]
        for line in running.stdout:
            if (page := json.loads(line))["fault"]:
                break
        assert "is the service running?" in page["fault"]
        assert page["health"][0]["level"] == "bad"
        assert page["long"]["inbound"] == 7, "what was known stays"
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
        running.stdout.close()


def test_json_into_a_pipe_that_closes_is_no_failure(service: Path) -> None:
    line = f"{' '.join(COMMAND)} --config {service} top --json --interval 200ms | head -n 1; "
    done = subprocess.run(
        ["bash", "-c", line + "echo ${PIPESTATUS[0]}"], capture_output=True, text=True, timeout=60
    )
    page, code = done.stdout.splitlines()
    assert json.loads(page)["fault"] == ""
    assert (code, done.stderr) == ("0", "")


def test_a_socket_in_the_file_system(call: Call, write: Write) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/metrics.sock"
        with serving(healthy(), path):
            assert "ready" in call("--config", configured(write, f"unix:{path}"), *ONCE).out
        done = call("--config", configured(write, f"unix:{path}.other"), *ONCE)
        assert (done.code, done.out) == (1, "")
        assert "no such file" in done.err


def test_nobody_answers(call: Call, write: Write) -> None:
    done = call("--config", configured(write, f"inet:127.0.0.1:{free_port()}"), *ONCE)
    assert (done.code, done.out) == (1, "")
    assert "connection refused" in done.err
    assert "systemctl status mailtriage" in done.err


def test_metrics_are_switched_off(call: Call, write: Write) -> None:
    done = call("--config", configured(write, ""), *ONCE)
    assert (done.code, done.out) == (1, "")
    assert 'metrics.listen is ""' in done.err
    assert "systemctl restart mailtriage" in done.err


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, b""), "name its address in metrics.networks"),
        ((500, b""), "answers /metrics with 500"),
        ((200, b"hello"), "is not mailtriage"),
        ((200, b'node_load1{a="b"} 1\n'), "is not mailtriage"),
        ((200, b"\xff\x00\x1b[2J" * 100), "is not mailtriage"),
        ((200, b"mailtriage_build_info{ 1\n"), "cannot be read"),
    ],
)
def test_something_else_answers(
    call: Call,
    service: Path,
    pages: dict[str, tuple[int, bytes]],
    answer: tuple[int, bytes],
    says: str,
) -> None:
    pages["/metrics"] = answer
    done = call("--config", service, *ONCE)
    assert (done.code, done.out) == (1, "")
    assert says in done.err


def test_what_speaks_no_http_and_what_never_ends(call: Call, write: Write) -> None:
    """The first of two peers says what is no HTTP, the second drips for ever."""

    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"220 mx.example ESMTP\r\n")
        peer, _ = listener.accept()
        with peer, contextlib.suppress(OSError):  # until it hangs up
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                peer.sendall(b"#")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        config = configured(write, f"inet:127.0.0.1:{listener.getsockname()[1]}")
        assert "does not speak HTTP" in call("--config", config, *ONCE).err
        assert "without an end" in call("--config", config, *ONCE).err
        thread.join()


@pytest.mark.parametrize("interval", ["0", "100ms", "1h", "often", "2"])
def test_an_interval_that_is_none(call: Call, defaults: Path, interval: str) -> None:
    done = call("--config", defaults, "top", "--interval", interval)
    assert done.code == 2
    assert "--interval" in done.err


def test_a_live_page_needs_a_terminal(call: Call, service: Path) -> None:
    done = call("--config", service, "top")
    assert (done.code, done.out) == (2, "")
    assert "--once" in done.err


def test_a_broken_configuration_is_named(call: Call, write: Write) -> None:
    done = call("--config", write("bad.toml", "[metrics]\nlisten = 5\n"), *ONCE)
    assert done.code == 1
    assert "metrics.listen" in done.err


# The last decisions.


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with its state in the test's directory."""
    file = tmp_path / "mailtriage.toml"
    file.write_text(f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n')
    return load([file]).config


def keep(config: Config, *queue_ids: str) -> None:
    """Have decisions kept, the newest last."""
    values = dict.fromkeys(COLUMNS, "") | {
        "direction": "inbound",
        "sender": b"",
        "confidence": 0.5,
        "score": 60,
        "ms": 2.5,
        "why": "invoice-word priority-fraud",
        "skill": "billing",
        "priority": "high",
        "language": "sv",
        "ack": "skipped",
        "ack_rule": "A3",
        "status": "ok",
    }
    with closing(HistoryWriter(history_file(config.state.database))) as writer:
        for number, queue_id in enumerate(queue_ids):
            row = values | {"at": 1_795_000_000.0 + number, "queue_id": queue_id}
            writer.add([[row[column] for column in COLUMNS]])


def test_the_newest_decisions_come_first(config: Config) -> None:
    keep(config, "4Wx1", "4Wx2", "4Wx3")
    found = read_decisions(config, 2)
    assert [row.queue_id for row in found.rows] == ["4Wx3", "4Wx2"]
    assert found.rows[0].why == ("invoice-word", "priority-fraud")
    assert (found.rows[0].ack, found.rows[0].ack_rule, found.note) == ("skipped", "A3", "")


def test_decisions_are_in_the_page(call: Call, service: Path) -> None:
    keep(load([service]).config, "4Wx0ab1cd2z3ef")
    out = call("--config", service, *ONCE).out
    line = next(line for line in out.splitlines() if "4Wx0ab1cd2z3ef" in line)
    for word in ("high", "billing", "sv", "skipped A3", "invoice-word"):
        assert word in line


def test_no_decisions_have_a_reason(config: Config, tmp_path: Path) -> None:
    assert "is not there yet" in read_decisions(config).note
    keep(config)
    assert read_decisions(config).note == "no mail has been judged yet"
    file = history_file(config.state.database)
    file.write_bytes(os.urandom(8192))
    assert str(file) in read_decisions(config).note
    off = tmp_path / "off.toml"
    off.write_text('[history]\nkeep = "0"\n')
    assert "history.keep is 0" in read_decisions(load([off]).config).note
