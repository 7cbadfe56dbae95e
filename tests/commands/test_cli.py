"""What holds for every command: help that teaches, exit codes, and never a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mailtriage import __version__
from mailtriage.cli import cli
from tests.commands.conftest import COMMAND, Call, Done, Write

COMMANDS = sorted(cli.commands)
WIDEST = 100
NEEDED = {"explain": ("-",), "ack": ("-",), "outbox": ("list",), "eval": (".",), "train": (".",),
          "kb": ("build",), "feedback": ("list",)}  # fmt: skip
"""What a command must be given."""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option_and_fits(call: Call, name: str) -> None:
    done = call(name, "--help", env={"COLUMNS": "250"})
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= WIDEST
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} has no help"
            for option in parameter.opts:
                assert option in done.out
        else:
            assert parameter.make_metavar(click.Context(cli)) in done.out


def test_the_overview_names_every_command_and_the_exit_codes(call: Call) -> None:
    done = call("--help", env={"COLUMNS": "250"})
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= WIDEST
    for name in COMMANDS:
        assert f"\n  {name} " in done.out
    assert "Exit codes: 0 fine, 1 the thing checked is wrong, 2 the call is wrong." in done.out


def test_without_a_command_the_overview_is_shown(call: Call) -> None:
    done = call()
    assert done.code == 2
    assert "Commands:" in done.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--bogus",), "No such option '--bogus'"),
        (("explain", "--jsn", "x.eml"), "Did you mean"),
        (("expalin", "x.eml"), "Did you mean 'explain'?"),
        (("explain",), "Missing argument 'PATH…'"),
        (("explain", "--client", "mx.example", "x.eml"), "'mx.example' is not an IP address"),
        (("serve", "now"), "unexpected extra argument"),
        (("--config", "missing.toml", "check"), "'missing.toml' does not exist"),
        (("--config", ".", "check"), "'.' is a directory"),
        (("demo", "--listen", "nowhere"), "--listen: 'nowhere' is neither"),
        (("demo", "--listen", "127.0.0.1:99999"), "--listen: port 99999"),
        (("demo", "--listen", "unix:/tmp/demo.sock"), "--listen: write HOST:PORT"),
        *(((name, "--bogus"), "No such option '--bogus'") for name in COMMANDS if name != "pipe"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(
    call: Call, arguments: tuple[str, ...], complaint: str
) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert complaint in done.err
    assert done.out == ""


# pipe hands the mail on whatever the configuration is (test_pipe.py); for doctor a configuration that
# cannot be read is one finding among others (tests/doctor).
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("pipe", "doctor")])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"[milter\n", ":1: not TOML"), (b"a = 1\nb = '\xff'\n", ":2: not UTF-8")],
    ids=["not TOML", "not UTF-8"],
)
def test_a_malformed_configuration_is_named_by_every_command(
    call: Call, write: Write, name: str, content: bytes, complaint: str
) -> None:
    file = write("broken.toml", content)
    done = call("--config", file, name, *NEEDED.get(name, ()))
    assert done.code == 1
    assert f"{file}{complaint}" in done.err
    assert done.out == ""


def test_the_installed_script_and_the_module_are_one_program(call: Call) -> None:
    script = Path(sys.executable).with_name("mailtriage")
    for arguments in (["--help"], ["explain", "--help"], ["--version"]):
        done = subprocess.run(
            [script, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "120"},
            check=True,
        )
        assert call(*arguments) == Done(0, done.stdout, done.stderr)


def test_the_version_is_told(call: Call) -> None:
    assert call("--version").out == f"mailtriage, version {__version__}\n"


def test_a_reader_that_has_seen_enough_is_no_error(quick: Path, samples: Path) -> None:
    """`mailtriage explain … | head -1`, also under `set -o pipefail`."""
    command = [*COMMAND, "--config", quick, "explain", "--json", *[samples] * 30]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())
    process.stdout.close()
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, b"")


def test_an_interrupt_ends_it_quietly(quick: Path, samples: Path) -> None:
    sample = next(samples.glob("*.eml"))
    process = subprocess.Popen(
        [*COMMAND, "--config", quick, "explain", "--json", sample, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline(), "it now waits for standard input"
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints.strip()) == (128 + signal.SIGINT, b"")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict", "latin-1"])
def test_letters_that_the_terminal_lacks_do_not_end_it(
    call: Call, quick: Path, write: Write, encoding: str
) -> None:
    write(
        os.fsdecode(b"kof\xff.eml"), "From: a@b.example\nSubject: =?utf-8?q?f=C3=B6r=C5=82?=\n\nå\n"
    )
    done = call("--config", quick, "explain", ".", env={"PYTHONIOENCODING": encoding})
    assert done.code == 0
    assert "Subject  f" in done.out


@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict", "latin-1"])
def test_json_is_utf8_whatever_the_terminal(
    call: Call, quick: Path, write: Write, encoding: str
) -> None:
    file = os.fsdecode(b"kof\xff.eml")
    write(file, "From: a@b.example\nContent-Type: text/plain; charset=utf-8\n\nåł\n")
    done = call("--config", quick, "explain", "--json", ".", env={"PYTHONIOENCODING": encoding})
    message = json.loads(done.out)
    assert (message["file"], message["text"]) == (file, "åł")
