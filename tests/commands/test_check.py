"""mailtriage check, test and config: everything that is wrong, at once, and where it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import Call, Write
from tests.doors.conftest import make_certificate
from tests.doors.smtp_support import Certificate

ZEBRA = """\
format = 1
skill = "zebra"
description = "Zebras"
threshold = 3.0

[[signal]]
id = "zebra-word"
weight = 3.0
words.en = ["zebra crossing"]

[[signal]]
id = "zebra-foal"
weight = 3.0
words.en = ["foal"]

[[test]]
name = "a crossing"
language = "en"
body = "I like the zebra crossing."
expect = { skill = "zebra" }
"""
"""A policy whose test passes and leaves one signal untested."""

FAILING = ZEBRA.replace("I like the zebra crossing.", "I like the pedestrian crossing.")
LINE_OF_TEST = ZEBRA[: ZEBRA.index("[[test]]")].count("\n") + 1

AS_NOBODY = """\
import encodings.cp437
import encodings.unicode_escape
import encodings.utf_8_sig
import os
import mailtriage.commands.check
from mailtriage.cli import main
if os.geteuid() == 0:
    os.seteuid(65534)
main()
"""
"""The command as a user who may read no file of root's; root may read all."""


@pytest.fixture
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def with_policy(write: Write, tmp_path: Path) -> Path:
    """A configuration that has the policy in policies/ and no other."""
    (tmp_path / "policies").mkdir()
    return write(
        "one.toml", f"[policies]\nshipped = false\ndirectories = ['{tmp_path}/policies']\n"
    )


def test_what_is_shipped_is_fine(call: Call, defaults: Path) -> None:
    done = call("--config", defaults, "check")
    assert done.code == 0
    assert done.err == ""
    assert re.fullmatch(
        rf"fine: configuration {re.escape(str(defaults))}; \d+ skills and \d+ facets "
        r"with \d+ phrases; \d+ policy tests passed\n",
        done.out,
    )


def test_quiet_says_nothing_when_nothing_is_wrong(call: Call, quick: Path) -> None:
    done = call("--config", quick, "check", "--quiet")
    assert (done.code, done.lines()) == (0, [])


def test_a_warning_is_shown_and_is_no_error(call: Call, write: Write) -> None:
    file = write("warned.toml", "[policies]\nshipped = false\n")
    done = call("--config", file, "check")
    assert done.code == 0
    assert f"{file}:2: policies.shipped: warning: false, and no directories are named" in done.err


def test_all_problems_of_all_files_are_listed_at_once(
    call: Call, write: Write, tmp_path: Path
) -> None:
    write("policies/zebra.toml", ZEBRA.replace("weight = 3.0", "wieght = 3.0"))
    write("policies/gnu.toml", 'format = 1\nskill = "gnu\n')
    write("customers.csv", "a@b.example,vip\nb@b.example,platinum\n")
    first = write("first.toml", f"[customers]\nfiles = ['{tmp_path}/customers.csv']\n")
    second = write(
        "second.toml",
        f"[milter]\nlistn = 'unix:/x'\nworkers = '4'\n[policies]\ndirectories = ['{tmp_path}/policies']\n",
    )
    done = call("--config", first, "--config", second, "check")
    assert (done.code, done.out) == (1, "")
    problems = done.err.splitlines()
    for problem in problems:
        assert re.match(r"\S+:\d+: \S.+", problem), problem
    for expected in (
        f"{second}:2: milter.listn: unknown key — did you mean 'listen'?",
        f'{second}:3: milter.workers: expected a whole number, found the string "4"',
        f"{tmp_path}/policies/zebra.toml:8: signal[0].wieght: unknown key — did you mean 'weight'?",
        f"{tmp_path}/policies/gnu.toml:2: not TOML",
        f"{tmp_path}/customers.csv:2: ",
    ):
        assert any(problem.startswith(expected) for problem in problems), (expected, problems)


@pytest.mark.parametrize("command", ["explain", "postfix", "test", "demo", "serve"])
def test_no_command_goes_on_with_policies_that_are_wrong(
    call: Call, with_policy: Path, write: Write, command: str
) -> None:
    write("policies/zebra.toml", ZEBRA.replace("weight = 3.0", "weight = 'three'"))
    done = call("--config", with_policy, command, *(["-"] if command == "explain" else []))
    assert (done.code, done.out) == (1, "")
    assert "policies/zebra.toml:8: signal[0].weight: " in done.err


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[policies]\ndirectories = ['{}/nowhere']", "2: policies.directories[0]: {}/nowhere is not there"),
        ("[policies]\ndirectories = ['{}/a.csv']", "2: policies.directories[0]: {}/a.csv is not a directory"),
        ("[customers]\nfiles = ['{}/b.csv']", "2: customers.files[0]: {}/b.csv is not there — did you mean 'a.csv'?"),
        ("[customers]\nfiles = ['{}']", "2: customers.files[0]: {} is a directory, not a file"),
        ("[log]\nhash_key_file = '{}/key'", "2: log.hash_key_file: {}/key is not there"),
        ("[milter]\nsocket_group = 'nobodys'", '2: milter.socket_group: there is no group "nobodys" here'),
        ("[milter]\nlisten = 'unix:/a b'", "2: milter.listen: main.cf has no way to write a path with blanks"),
        ("[milter]\nlisten = \"unix:/a'$b\"", "2: milter.listen: main.cf has no way to write a path with blanks"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_it_should_be_is_named(
    call: Call, write: Write, tmp_path: Path, toml: str, complaint: str
) -> None:
    write("a.csv", "a@b.example,vip\n")
    head = "" if toml.startswith("[policies]") else "\n[policies]"
    file = write("wrong.toml", f"{toml}{head}\nshipped = false\n".replace("{}", str(tmp_path)))
    done = call("--config", file, "check")
    (problem,) = [line for line in done.err.splitlines() if ": warning: " not in line]
    assert done.code == 1
    assert problem.startswith(f"{file}:{complaint.replace('{}', str(tmp_path))}")


@pytest.mark.parametrize("key", ["customers.files", "policies.directories", "log.hash_key_file"])
def test_a_file_that_may_not_be_read_is_named(write: Write, public: Path, key: str) -> None:
    folder = public
    closed = folder / "closed"
    closed.mkdir() if key == "policies.directories" else closed.touch()
    value = f"'{closed}'" if key == "log.hash_key_file" else f"['{closed}']"
    config = folder / "c.toml"
    config.write_text(f"{key} = {value}\npolicies.shipped = false\n")
    closed.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "--config", str(config), "check"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    (problem,) = [line for line in done.stderr.splitlines() if ": warning: " not in line]
    assert done.returncode == 1
    assert problem.startswith(f"{config}:1: {key}")
    assert f"{closed} cannot be read: permission denied" in problem


def test_a_state_that_another_user_owns_is_a_warning(public: Path) -> None:
    """Who checks a configuration need not be the user of the service; that one must own it."""
    folder = public
    (folder / "state").mkdir(mode=0o755)
    (folder / "secret").write_bytes(bytes(32))
    (folder / "secret").chmod(0o600)
    config = folder / "c.toml"
    config.write_text(
        f"state.url = 'sqlite://{folder}/state/state.db'\nstate.secret_file = '{folder}/secret'\n"
        "policies.shipped = false\n[mailboxes.'help@desk.example']\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "--config", str(config), "check"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if os.geteuid() != 0:
        pytest.skip("the files are this user's own")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    owner = "permission denied — the user of the service must own it"
    assert (
        f"{config}:1: state.url: warning: nothing can be written in {folder}/state: {owner}"
        in lines
    )
    assert (
        f"{config}:2: state.secret_file: warning: {folder}/secret: cannot be read: {owner}" in lines
    )


def test_a_model_that_another_user_keeps_is_a_warning(public: Path) -> None:
    """The directory of the service is closed; `check` and `explain` work for everybody."""
    folder = public
    (folder / "own").mkdir(mode=0o700)
    config = folder / "c.toml"
    config.write_text(f"model.file = '{folder}/own/model.npz'\npolicies.shipped = false\n")
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "--config", str(config), "check"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if os.geteuid() != 0:
        pytest.skip("the files are this user's own")
    assert done.returncode == 0
    assert (
        f"{config}:1: model.file: warning: {folder}/own/model.npz cannot be looked at"
        in done.stderr
    )


def test_tls_files_that_openssl_does_not_take_are_named(
    call: Call, write: Write, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_certificate(tmp_path_factory.mktemp("other"))
    nonsense = write("nonsense.pem", "nonsense\n")

    def problems(cert: Path, key: Path, authorities: Path) -> list[str]:
        file = write(
            "tls.toml",
            f"[smtp]\ntls_certificate = '{cert}'\ntls_key = '{key}'\n"
            f"next_hop_tls = 'required'\nnext_hop_ca_file = '{authorities}'\n"
            "[policies]\nshipped = false\n",
        )
        return [
            line for line in call("--config", file, "check").err.splitlines() if "smtp." in line
        ]

    assert problems(certificate.certificate, certificate.key, certificate.certificate) == []
    for cert, key in ((nonsense, nonsense), (certificate.certificate, other.key)):
        (problem,) = problems(cert, key, certificate.certificate)
        assert ":2: smtp.tls_certificate: not a certificate with its key: " in problem
        assert "_ssl.c" not in problem
    (problem,) = problems(certificate.certificate, certificate.key, nonsense)
    assert ":5: smtp.next_hop_ca_file: not certificates of authorities in PEM: " in problem


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_policy_test_that_fails_is_named_with_its_line(
    call: Call, with_policy: Path, write: Write, command: str
) -> None:
    policy = write("policies/zebra.toml", FAILING)
    done = call("--config", with_policy, command)
    assert done.code == 1
    assert f"{policy}:{LINE_OF_TEST}: test 'a crossing': expected skill zebra, found " in done.err
    if command == "test":
        assert done.out == "0 policy tests passed, 1 failed\n"


def test_coverage_lists_what_no_test_hits(call: Call, with_policy: Path, write: Write) -> None:
    policy = write("policies/zebra.toml", ZEBRA)
    assert call("--config", with_policy, "test").out == "1 policy tests passed, 0 failed\n"
    done = call("--config", with_policy, "test", "--coverage")
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            f"{policy}: zebra-foal: no test hits this signal",
            "1 policy tests passed, 0 failed",
        ],
    )


def test_config_shows_every_value_and_where_it_comes_from(call: Call, write: Write) -> None:
    first = write("first.toml", "[milter]\nworkers = 3\ndeadline = '3s'\n")
    second = write("second.toml", "\n[milter]\ndeadline = '2s'\n[log]\nlevel = 'debug'\n")
    done = call("--config", first, "--config", second, "config")
    assert (done.code, done.err) == (0, "")
    origins = dict(re.split(r" +# ", line) for line in done.out.splitlines())
    assert origins["milter.workers = 3"] == f"{first}:2"
    assert origins['milter.deadline = "2s"'] == f"{second}:3"
    assert origins["milter.queue = 64"] == "default"

    changed = call("--config", first, "--config", second, "config", "--changed").out.splitlines()
    assert [re.split(r" +# ", line)[0] for line in changed] == [
        "milter.workers = 3",
        'log.level = "debug"',
    ]


def test_no_command_shows_a_password(call: Call, write: Write) -> None:
    file = write(
        "secret.toml",
        "[customers]\nredis = 'redis://desk:hunter2@127.0.0.1:1/0'\n"
        "[state]\nurl = 'rediss://:hunter2@store.example/0?password=hunter2'\n"
        "[policies]\nshipped = false\n",
    )
    for command in (["config"], ["config", "--changed"], ["check"], ["postfix"], ["explain", "-"]):
        done = call("--config", file, *command, stdin=b"From: a@b.example\n\nx\n")
        assert done.code == 0
        assert "hunter2" not in done.out + done.err
    assert (
        'customers.redis = "redis://desk:***@127.0.0.1:1/0"' in call("--config", file, "config").out
    )


def test_a_broken_value_with_a_password_is_not_quoted(call: Call, write: Write) -> None:
    file = write("secret.toml", "[customers]\nredis = 'redys://desk:hunter2@127.0.0.1:1/0'\n")
    done = call("--config", file, "check")
    assert done.code == 1
    assert "customers.redis" in done.err
    assert "hunter2" not in done.err


def test_the_directory_in_etc_is_read_without_the_option(call: Call) -> None:
    done = call("config")
    origins = {line.rpartition("  # ")[2] for line in done.out.splitlines()}
    assert done.code == 0
    assert all(o == "default" or o.startswith("/etc/mailtriage/") for o in origins)


def test_debugging_shows_where_a_fault_is() -> None:
    """The one way to a traceback, for those who ask for it."""
    fault = "import mailtriage.commands.config as c, mailtriage.cli as m; c.load = None; m.main()"
    calls = {
        debug: subprocess.run(
            [sys.executable, "-c", fault, "config"],
            env={**os.environ, "MAILTRIAGE_DEBUG": debug},
            capture_output=True, text=True, check=False, timeout=60,
        )
        for debug in ("", "1")
    }  # fmt: skip
    assert calls[""].returncode == calls["1"].returncode == 1
    assert "Traceback" not in calls[""].stderr
    assert "MAILTRIAGE_DEBUG=1 shows where it is" in calls[""].stderr
    assert "Traceback" in calls["1"].stderr
