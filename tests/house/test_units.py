"""The systemd units: systemd understands every line of them, and the sandbox is as tight as promised."""

import configparser
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from mailtriage.config import ConfigError, load
from mailtriage.config.units import seconds
from mailtriage.state.secret import read_secret
from tests.support.milter_wire import Sample, tag
from tests.support.serve import Service, wait_for

SYSTEMD: Final = Path(__file__).resolve().parents[2] / "systemd"
DROP_INS: Final = sorted((SYSTEMD / "drop-ins").glob("*.conf"))
EXPOSURE: Final = 10
"""Tenths of systemd's exposure level (0.0 to 10.0), the most that is allowed."""
WITH_NETWORK: Final = 12
"""The same for a unit that speaks with hosts of the world: systemd counts 0.2 for that."""
SYSTEMS_OWN: Final = Path("/lib/systemd/system")
SPARE: Final = 5
"""Seconds that desk and ack worker take after the drain."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not SYSTEMS_OWN.is_dir(),
    reason="needs Debian's systemd package; nothing of it runs",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a system on which the units are installed, with a program at the place they name."""
    units = tmp_path / "lib/systemd/system"
    units.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    for unit in (*SYSTEMD.glob("mailtriage*.*"), *SYSTEMS_OWN.glob("*.target")):
        shutil.copy(unit, units)
    for kind in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(SYSTEMD / kind, tmp_path / "usr/lib" / kind)
    for program in ("usr/bin/mailtriage", "bin/kill", "bin/systemctl"):
        file = tmp_path / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    return tmp_path


def drop_in(root: Path, file: Path) -> None:
    """Lay a drop-in over the service, as `systemctl edit` does."""
    folder = root / "etc/systemd/system/mailtriage.service.d"
    folder.mkdir(parents=True)
    shutil.copy(file, folder)


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """systemd-analyze of the system below that root."""
    command = ["systemd-analyze", f"--root={root}", "--man=no", *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)


def verify(root: Path) -> tuple[int, str]:
    """Exit status, and what systemd has to say of all units. It only warns of keys unknown to it."""
    done = analyze(root, "verify", *sorted(unit.name for unit in SYSTEMD.glob("mailtriage*.*")))
    return done.returncode, done.stdout + done.stderr


def settings(name: str, section: str) -> configparser.SectionProxy:
    """One section of a unit; of a key given twice the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way
    parser.read(SYSTEMD / name)
    return parser[section]


@needs_systemd
def test_systemd_understands_every_line(root: Path) -> None:
    assert verify(root) == (0, "")


@needs_systemd
@pytest.mark.parametrize("file", DROP_INS, ids=lambda file: file.stem)
def test_systemd_understands_every_drop_in(root: Path, file: Path) -> None:
    drop_in(root, file)
    assert verify(root) == (0, "")


@needs_systemd
def test_a_key_that_systemd_does_not_know_is_noticed(root: Path) -> None:
    unit = root / "lib/systemd/system/mailtriage.service"
    unit.write_text(unit.read_text().replace("UMask=", "Umask="))
    assert "Unknown key" in verify(root)[1]


@needs_systemd
@pytest.mark.parametrize("file", [None, *DROP_INS], ids=lambda file: file.stem if file else "alone")
def test_the_sandbox_is_tight(root: Path, file: Path | None) -> None:
    if file is not None:
        drop_in(root, file)
    done = analyze(
        root, "security", "--offline=true", f"--threshold={EXPOSURE}", "mailtriage.service"
    )
    assert done.returncode == 0, done.stdout
    assert "exposure level for mailtriage.service:" in done.stdout


@needs_systemd
def test_the_sandbox_of_what_fetches_help_pages_is_as_tight(root: Path) -> None:
    """But for the world: help pages may be anywhere."""
    unit = "mailtriage-kb.service"
    done = analyze(root, "security", "--offline=true", f"--threshold={WITH_NETWORK}", unit)
    assert done.returncode == 0, done.stdout
    assert f"exposure level for {unit}:" in done.stdout


def test_what_fetches_help_pages_may_do_no_more_than_the_service() -> None:
    """It reads pages of strangers. The service's own limits hold, but for those of the network."""
    service = settings("mailtriage.service", "Service")
    fetching = settings("mailtriage-kb.service", "Service")
    limits = ("Protect", "Private", "Restrict", "System", "Memory", "Lock", "NoNew", "Capab")
    for key in (*(key for key in service if key.startswith(limits)), "User", "Group", "UMask"):
        assert fetching.get(key) == service[key], key


def test_help_pages_are_fetched_once_a_night_and_only_where_somebody_wishes_it() -> None:
    """Not by itself: no other unit asks for it, and packages leave the timer disabled."""
    timer = settings("mailtriage-kb.timer", "Timer")
    assert timer["OnCalendar"].startswith("*-*-* 0")
    assert float(seconds(timer["RandomizedDelaySec"])) >= 600
    assert settings("mailtriage-kb.timer", "Install")["WantedBy"] == "timers.target"
    for unit in ("mailtriage.service", "mailtriage.socket"):
        assert "mailtriage-kb" not in (SYSTEMD / unit).read_text()
    debian = SYSTEMD.parent / "packaging/debian"
    assert "enable mailtriage-kb" not in (debian / "postinst").read_text()
    assert "mailtriage-kb.timer" in (debian / "postrm").read_text()
    assert "mailtriage-kb" in (SYSTEMD.parent / "packaging/build-deb").read_text()


def test_a_fetch_ends_when_systemd_says() -> None:
    """Not in the middle of what [kb] allows it: kb.fetch_time and the build after it."""
    unit = settings("mailtriage-kb.service", "Service")
    assert unit["Type"] == "oneshot"
    limit = load([Path("/dev/null")]).config.kb.fetch_time
    assert seconds(unit["TimeoutStartSec"]) > limit


@needs_systemd
def test_a_hole_in_the_sandbox_is_noticed(root: Path) -> None:
    unit = root / "lib/systemd/system/mailtriage.service"
    unit.write_text(unit.read_text().replace("PrivateUsers=yes", "PrivateUsers=no"))
    done = analyze(
        root, "security", "--offline=true", f"--threshold={EXPOSURE}", "mailtriage.service"
    )
    assert done.returncode != 0


@needs_systemd
@pytest.mark.skipif(os.geteuid() != 0, reason="makes files of other users: needs root")
def test_user_group_and_directories_are_made(root: Path) -> None:
    """Also where Postfix comes later: its group is there, and Postfix takes it as it finds it."""
    for program, *arguments in (("systemd-sysusers",), ("systemd-tmpfiles", "--create")):
        command = [program, f"--root={root}", *arguments, "mailtriage.conf"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    user = next(
        line.split(":") for line in (root / "etc/passwd").read_text().splitlines()
        if line.startswith("mailtriage:")
    )  # fmt: skip
    groups = {line.split(":")[0] for line in (root / "etc/group").read_text().splitlines()}
    assert user[5:] == ["/var/lib/mailtriage", "/usr/sbin/nologin"]
    assert groups == {"mailtriage", "postfix"}
    state = (root / "var/lib/mailtriage").stat()
    assert (state.st_mode & 0o777, state.st_uid) == (0o700, int(user[2]))
    place = (root / "var/spool/postfix/mailtriage").stat()
    assert (place.st_mode & 0o777, place.st_uid) == (0o755, 0)


def test_the_socket_is_postfixs_to_open_and_in_its_queue_directory() -> None:
    """A chrooted smtpd sees nothing else; and no user but Postfix may feed the milter."""
    unit = settings("mailtriage.socket", "Socket")
    assert unit["ListenStream"] == "/var/spool/postfix/mailtriage/milter.sock"
    assert (unit["SocketUser"], unit["SocketGroup"]) == ("mailtriage", "postfix")
    assert unit["SocketMode"] == "0660"


def test_systemd_waits_longer_than_the_drain_and_only_the_supervisor_hears_of_the_stop() -> None:
    """SIGTERM would make libmilter drop its sessions: KillMode=mixed spares the workers."""
    unit = settings("mailtriage.service", "Service")
    drain = load([Path("/dev/null")]).config.milter.drain
    assert float(unit["TimeoutStopSec"]) > drain + SPARE
    assert unit["KillMode"] == "mixed"


def test_the_drop_in_for_a_longer_drain_is_as_long_as_it_says() -> None:
    text = (SYSTEMD / "drop-ins/long-drain.conf").read_text()
    drain = seconds(text.partition('milter.drain = "')[2].partition('"')[0])
    assert float(settings("drop-ins/long-drain.conf", "Service")["TimeoutStopSec"]) >= drain + 15


class Systemd:
    """What the service hears and says of systemd: the passed socket and sd_notify(3)."""

    def __init__(self, directory: Path) -> None:
        self.path: Final = directory / "milter.sock"
        self.listener: Final = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(16)
        self.notified: Final = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(str(directory / "notify"))
        self.notified.settimeout(0)
        self.said: Final[list[str]] = []

    def hears(self, what: str) -> bool:
        """Whether it has been told that by now."""
        while True:
            try:
                self.said.extend(self.notified.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return what in self.said

    def close(self) -> None:
        """Both sockets."""
        self.listener.close()
        self.notified.close()


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    """In a directory with a name short enough for sockets."""
    with TemporaryDirectory(prefix="mt-") as name:
        made = Systemd(Path(name))
        yield made
        made.close()


def test_the_watchdog_of_the_unit_is_fed(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the unit's own WatchdogSec=: what nobody fed systemd would kill, again and again."""
    interval = float(settings("mailtriage.service", "Service")["WatchdogSec"])
    monkeypatch.setenv("NOTIFY_SOCKET", str(systemd.path.with_name("notify")))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(interval * 1e6)))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    toml = '[milter]\nlisten = "fd:3"\nworkers = 1\nanalysers = 1\n[policies]\nshipped = false\n'
    with Service(systemd.path.parent, toml, listen=systemd.listener) as service:
        assert tag(systemd.path, Sample()).tags["X-Mailtriage-Status"] == "ok"
        assert systemd.hears("READY=1")
        wait_for(lambda: systemd.hears("WATCHDOG=1"), "WATCHDOG=1", timeout=interval)
        service.stop()
    assert systemd.hears("STOPPING=1")


def test_credentials_are_read_where_the_drop_in_tells(tmp_path: Path) -> None:
    """A link in conf.d to what exists only while the service runs; systemd makes credentials 0400."""
    credential = tmp_path / "credentials/redis.toml"
    credential.parent.mkdir()
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/90-redis.toml").symlink_to(credential)
    with pytest.raises(ConfigError):
        load(directory=tmp_path)
    credential.write_text('[customers]\nredis = "redis://:word@127.0.0.1:6379/0"\n')
    credential.chmod(0o400)
    assert load(directory=tmp_path).config.customers.redis == "redis://:word@127.0.0.1:6379/0"


def test_a_secret_may_be_a_credential(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(bytes(range(32)))
    file.chmod(0o400)
    assert read_secret(file) == bytes(range(32))
