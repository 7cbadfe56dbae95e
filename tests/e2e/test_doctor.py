"""mailtriage doctor against a whole site: nothing to mend when it is wired; and each way to break it
has its finding, whose command mends it.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from mailtriage.cli_doctor import doctor
from mailtriage.config import load
from mailtriage.doctor.checks import examine
from mailtriage.doctor.collect import collect
from mailtriage.doctor.facts import Clock, Facts
from tests.doctor.broken import BROKEN, Broken, named
from tests.support.ahead import Ahead
from tests.support.background import Background, logs_of_a_failure, open_directory
from tests.support.serve import PROGRAM
from tests.support.site import QUICK, Site, running_site, why_not

pytestmark = pytest.mark.e2e

OF_THE_MACHINE: Final = {"clock", "disk"}
"""Findings that a machine may have on which the tests run."""

BORDER: Final = r"""
cat > /etc/postfix/border.regexp <<'END'
/^Authentication-Results:[[:space:]]*mx\.desk\.example([[:space:];]|$)/    IGNORE
END
postconf -e 'header_checks = regexp:/etc/postfix/border.regexp'
"""
"""Results are written by milters of this Postfix, and what came with the mail is removed."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Wired, running, and with a border that removes forged results."""
    if reason := why_not():
        pytest.skip(reason)
    returns = "[return_addresses]\ndomain = 'triage.desk.example'\n"
    with running_site(main=BORDER, toml=returns) as running:
        yield running


@pytest.fixture(autouse=True)
def log_of_failures(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    with logs_of_a_failure(request, site.postfix, site.service):
        yield


def look(site: Site, *, probe: bool = False) -> Facts:
    """What the doctor sees, on a machine whose clock is right and whose disk has room."""
    config = load([site.service.config]).config
    files = [site.service.config]
    facts = collect(config, files, postfix_config=site.postfix.config, probe=probe)
    return replace(facts, clock=Clock(synchronised=True), disks=())


def found(site: Site, *, probe: bool = False) -> dict[str, str]:
    """The findings: id to command."""
    return {finding.id: finding.command for finding in examine(look(site, probe=probe))}


def run(site: Site, *options: str) -> tuple[int, str]:
    """The command, as it is called; its exit code and what it printed."""
    options = ("--postfix-config", str(site.postfix.config), *options)
    done = CliRunner().invoke(doctor, options, obj=[site.service.config])
    return done.exit_code, done.output


@pytest.mark.parametrize("probe", [False, True])
def test_a_wired_site_has_nothing_to_mend(site: Site, probe: bool) -> None:
    facts = look(site, probe=probe)
    assert examine(facts) == []
    assert facts.undone == ()
    if probe:
        assert facts.probed is not None
        assert facts.probed.tags > 10


@pytest.fixture
def unbroken(site: Site) -> Iterator[None]:
    """Whatever a test does to Postfix's configuration, the next finds it as it was."""
    files = [path for path in site.postfix.config.iterdir() if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    yield
    for path in list(site.postfix.config.iterdir()):
        if path.is_file() and path not in before:
            path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
        os.utime(path, (0, 0))


def spoil(site: Site, script: str) -> None:
    """Run commands as root that break something; Postfix itself is not told."""
    config = load([site.service.config]).config
    submit = config.ack.submit
    words = {
        "desk": str(config.desk.listen),
        "mx": f"127.0.0.1:{site.postfix.ports['mx']}/inet",
        "port": f"{submit.host}:{submit.port}/inet",
        "directory": str(site.directory),
        "strip": f"{site.postfix.config}/mailtriage_strip.regexp",
    }
    site.shell.paste(f"{QUICK}{script.format(**words)}\n")


def mend(site: Site, command: str, tools: Path) -> None:
    """Run what a finding prints."""
    for name in ("postconf", "postfix"):
        cool = (
            f"touch -d '1 hour ago' {site.postfix.config}/main.cf {site.postfix.config}/master.cf"
        )
        (tools / name).write_text(f'#!/bin/sh\n{cool}\nexec /usr/sbin/{name} "$@"\n')
        (tools / name).chmod(0o755)
    path = f"{tools}:{PROGRAM.parent}:{os.environ['PATH']}:/usr/sbin"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", command],
        env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    for file in site.postfix.config.iterdir():
        os.utime(file, (0, 0))


@pytest.mark.parametrize("broken", BROKEN, ids=named)
def test_each_way_to_break_the_wiring_has_its_finding_whose_command_mends_it(
    site: Site, unbroken: None, tmp_path: Path, broken: Broken
) -> None:
    spoil(site, broken.script)
    findings = found(site)
    assert set(findings) == {broken.id} | broken.also
    if broken.mended:
        mend(site, findings[broken.id], tmp_path)
        assert found(site) == {}


def test_a_copy_to_an_alias_for_both_is_as_good(site: Site, unbroken: None) -> None:
    """What config/postfix/README.md advises where recipient_bcc_maps are taken."""
    copy = site.tokens.sweeper_recipient("help@desk.example")
    spoil(
        site,
        "postconf -e 'recipient_bcc_maps = inline:{{ help@desk.example=both@desk.example }}'"
        " 'virtual_alias_maps = inline:{{ {{ both@desk.example = a@desk.example, COPY }} }}'".replace(
            "COPY", copy
        ),
    )
    assert found(site) == {}


@pytest.mark.parametrize(
    ("toml", "wanted"),
    [
        ("profile = 'znuny'\nack = 'off'", "helpdesk-headers"),
        (
            "ack = 'off'\nroute = 'postfix'\nroutes = {default = 'rest@desk.example'}",
            "route-checks",
        ),
        (
            "ack = 'off'\nroute = 'recipient'\nroutes = {default = 'rest@desk.example'}",
            "original-recipient",
        ),
    ],
)
def test_what_a_mailbox_needs_of_postfix_is_missed_and_then_mended(
    site: Site, unbroken: None, tmp_path: Path, toml: str, wanted: str
) -> None:
    spoil(site, "postconf -e enable_original_recipient=no")
    file = tmp_path / "mailtriage.toml"
    file.write_text(re.sub(r"(?ms)^name = .*", toml, site.service.config.read_text()))
    config = load([file]).config

    def ids() -> dict[str, str]:
        facts = collect(config, [file], postfix_config=site.postfix.config, probe=False)
        found = {one.id: one.command for one in examine(facts)}
        return {name: command for name, command in found.items() if name not in OF_THE_MACHINE}

    before = ids()
    assert wanted in before
    mend(site, before[wanted], tmp_path)
    assert wanted not in ids()


def test_a_dry_run_and_a_knowledge_base_that_is_missing_are_told_and_are_no_errors(
    site: Site, unbroken: None, tmp_path: Path
) -> None:
    """And what acknowledgements need is looked at before they are switched on."""
    file = tmp_path / "mailtriage.toml"
    more = f"[dry_run]\nactions = ['acknowledge']\n[kb]\nindex = '{tmp_path}/kb.idx'\n"
    file.write_text(f"{site.service.config.read_text()}\n{more}")
    options = ["--probe", "--json", "--postfix-config", str(site.postfix.config)]
    done = CliRunner().invoke(doctor, options, obj=[file])
    rows = [json.loads(line) for line in done.output.splitlines()]
    found = {row["id"]: row["severity"] for row in rows if row["id"] not in OF_THE_MACHINE}
    assert found == {"kb-missing": "warning", "dry-run": "info"}
    assert done.exit_code == 0
    spoil(site, "postconf -e header_checks=")
    done = CliRunner().invoke(doctor, options, obj=[file])
    assert "results-forgeable" in done.output


@pytest.mark.parametrize("removes", [True, False])
def test_a_forged_result_is_sent_past_the_milters_ahead(
    site: Site, unbroken: None, removes: bool
) -> None:
    """Rule D2. Only --probe can tell, and without it the doctor says that it could not."""
    with Ahead(removes=removes) as ahead:
        threading.Thread(target=ahead.serve_forever, daemon=True).start()
        place = f"inet:127.0.0.1:{ahead.server_address[1]}"
        spoil(
            site,
            "postconf -e 'header_checks = regexp:{strip}'"
            f" 'smtpd_milters = {place}, $mailtriage_milter'",
        )
        facts = look(site)
        assert examine(facts) == []
        assert [one.id for one in facts.undone] == ["results-forgeable"]
        assert set(found(site, probe=True)) == (set() if removes else {"results-forgeable"})
        ahead.shutdown()
    facts = look(site, probe=True)
    assert examine(facts) == []  # that milter has gone, so nobody knows
    assert [one.id for one in facts.undone] == ["results-forgeable"]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--appendonly", "yes"), set()),
        (("--appendonly", "no"), {"redis-durability"}),
        (
            ("--appendonly", "yes", "--maxmemory", "9mb", "--maxmemory-policy", "allkeys-lru"),
            {"redis-eviction"},
        ),
        (None, {"redis-down"}),
    ],
)
def test_redis_must_keep_what_it_is_told(
    site: Site, tmp_path: Path, options: tuple[str, ...] | None, wanted: set[str]
) -> None:
    with open_directory() as directory, ExitStack() as running:
        if options is not None:
            server = Background("redis-server", directory / "log")
            place = ("--port", "0", "--unixsocket", f"{directory}/r.sock", "--dir", str(directory))
            server.start(
                ["redis-server", *place, *options],
                (directory / "r.sock").exists,
                cwd=directory,
            )
            running.callback(server.stop)
        file = tmp_path / "mailtriage.toml"
        url = f"unix://{directory}/r.sock"
        file.write_text(site.service.config.read_text())
        config = load([file]).config
        config = replace(config, customers=replace(config.customers, redis=url))
        facts = collect(config, [file], postfix_config=site.postfix.config, probe=False)
        assert {one.id for one in examine(facts)} - OF_THE_MACHINE == wanted


@pytest.fixture
def modes(site: Site) -> Iterator[None]:
    """Modes of what lies in the site's directory, put back."""
    files = [site.directory, *site.directory.glob("*.sock"), site.directory / "state" / "secret"]
    before = {path: path.stat() for path in files}
    yield
    for path, was in before.items():
        path.chmod(was.st_mode & 0o7777)
        os.chown(path, was.st_uid, was.st_gid)


def close_socket(site: Site) -> None:
    (site.directory / "milter.sock").chmod(0o600)


def close_directory(site: Site) -> None:
    site.directory.chmod(0o700)


def open_secret(site: Site) -> None:
    (site.directory / "state" / "secret").chmod(0o644)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (close_socket, "milter-permission"),
        (close_directory, "milter-permission"),
        (open_secret, "secret-mode"),
    ],
)
def test_modes_that_are_too_strict_or_too_loose_are_found(
    site: Site, modes: None, tmp_path: Path, change: Callable[[Site], None], wanted: str
) -> None:
    change(site)
    findings = found(site)
    assert set(findings) == {wanted}
    if not findings[wanted].startswith("#"):
        mend(site, findings[wanted], tmp_path)
        assert found(site) == {}


def test_as_another_user_it_says_what_it_could_not_see(site: Site) -> None:
    """In a process of its own, as nobody: no secret, no database, no sweeper."""
    # Once as root first: what is loaded on the way may lie where nobody else may read.
    code = f"""
import contextlib, io, os
from pathlib import Path
from mailtriage.commands.doctor import run_doctor
def look():
    run_doctor([Path("{site.service.config}")], as_json=True, postfix_config=Path("{site.postfix.config}"), probe=False)
with contextlib.redirect_stdout(io.StringIO()):
    look()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
look()
"""
    (site.directory / "serve").chmod(0o755)
    done = subprocess.run(
        [PROGRAM.with_name("python"), "-c", code], capture_output=True, text=True, check=False
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    unseen = {row["id"] for row in rows if row["severity"] == "unchecked"}
    assert {"sweeper", "secret-mode", "database"} <= unseen, done.stderr
    assert {row["id"] for row in rows} - unseen <= OF_THE_MACHINE


def test_exit_codes_and_both_ways_to_print(site: Site, unbroken: None) -> None:
    code, text = run(site)
    assert code == 0
    assert "error:" not in text
    spoil(site, "postconf -e 'smtpd_milters ='")
    code, text = run(site)
    assert code == 1
    assert re.search(r"(?m)^error: milter-missing: mailtriage is not in smtpd_milters$", text)
    assert re.search(r"(?m)^    postconf -c \S+ -e 'smtpd_milters = ", text)
    assert "\x1b" not in text
    code, text = run(site, "--json")
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert code == 1
    assert set(rows[0]) == {"id", "severity", "what", "why", "command"}
    assert rows[0]["id"] == "milter-missing"
    code, _ = run(site, "--no-such-option")
    assert code == 2


def test_nothing_is_changed_and_nobody_gets_a_mail(site: Site) -> None:
    files = [path for path in site.postfix.config.rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime) for path in files}
    mails, logged = len(site.world.deliveries), len(site.postfix.log())
    run(site, "--probe")
    assert "warning" not in site.postfix.log()[logged:]
    assert {path: (path.read_bytes(), path.stat().st_mtime) for path in files} == before
    assert site.postfix.queued() == 0
    assert len(site.world.deliveries) == mails


def test_what_does_not_run_is_missed(site: Site) -> None:
    """The last test of this file: it stops one after the other."""
    site.signer.__exit__(None, None, None)
    assert set(found(site)) == {"signer-down"}
    site.close_port()
    assert set(found(site)) == {"port-missing"}
    site.service.stop()
    assert {"milter-down", "desk-down"} <= set(found(site))
