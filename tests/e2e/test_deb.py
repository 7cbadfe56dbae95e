"""The .deb on a clean Debian: it installs with what it depends on, works, upgrades, and leaves nothing.

A directory made by debootstrap, entered with chroot(1); no systemd runs in it, so the test passes the
socket and listens to sd_notify(3) as systemd would. `make deb-test` builds the package and runs this;
the bare system is kept in CACHE for the next run.
"""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import pytest

from tests.support.mails import assert_tagged
from tests.support.milter_wire import Sample, tag
from tests.support.serve import AS_SYSTEMD

PACKAGE: Final = os.environ.get("MAILTRIAGE_DEB", "")
CACHE: Final = Path("/var/cache/mailtriage-test")
UNITS: Final = ("mailtriage.service", "mailtriage.socket")
# Neither this machine's variables nor pytest's.
ENVIRONMENT: Final = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# What belongs to no package for good: logs, caches and the lists of apt and dpkg.
NOT_COUNTED: Final = ("proc", "run", "tmp", "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg")


def why_not() -> str:
    """Why this cannot run here; empty when it can."""
    if not PACKAGE:
        return "make deb-test builds the package, and names it in MAILTRIAGE_DEB"
    if os.geteuid() != 0:
        return "debootstrap and chroot need root"
    return "" if shutil.which("debootstrap") else "debootstrap is not installed"


pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]


def output(*command: str, env: dict[str, str] | None = None) -> str:
    """What a command prints; CalledProcessError, with its errors shown, when it fails."""
    done = subprocess.run(
        command, text=True, capture_output=True, check=False, timeout=600, env=env
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n")
        done.check_returncode()
    return done.stdout


class Debian:
    """A Debian below a directory. Programs run in it as root unless another user is named."""

    def __init__(self, directory: Path) -> None:
        self.directory: Final = directory

    def run(self, *command: str, user: str = "root") -> str:
        """What a program in there prints; fails when the program does."""
        return output(*self.command(*command, user=user), env=ENVIRONMENT)

    def command(self, *command: str, user: str = "root") -> list[str]:
        """The call that runs a program in there, with the main group of its user."""
        return ["/usr/sbin/chroot", f"--userspec={user}:", str(self.directory), *command]

    def path(self, name: str) -> Path:
        """A file in there."""
        return self.directory / name.lstrip("/")

    def files(self) -> set[str]:
        """Every file and directory, but for what is NOT_COUNTED."""
        left_out = [part for name in NOT_COUNTED for part in ("-path", f"./{name}", "-prune", "-o")]
        found = ["find", ".", "-xdev", *left_out, "-print"]
        return set(output("env", "-C", str(self.directory), *found).splitlines())


def mirror(codename: str) -> str:
    """Where this machine's apt finds that release."""
    places = output(
        "apt-get", "indextargets", "--format", "$(REPO_URI)",
        f"Release: {codename}", "Created-By: Packages", "Component: main",
    )  # fmt: skip
    return places.splitlines()[0] if places else "http://deb.debian.org/debian"


def bare_system() -> Path:
    """A tar file with Debian's smallest system, of the release that this machine runs."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    file = CACHE / f"{codename}.tar"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        folder = mkdtemp(dir=CACHE)
        try:
            output("debootstrap", "--variant=minbase", codename, folder, mirror(codename))
            output("tar", "-C", folder, "-cf", f"{folder}.tar", ".")
            Path(f"{folder}.tar").rename(file)
        finally:
            shutil.rmtree(folder)
    return file


@pytest.fixture(scope="module")
def debian() -> Iterator[Debian]:
    """A clean system with the package installed by apt, and no service started."""
    directory = Path(mkdtemp(prefix="mt-deb-"))
    system = Debian(directory)
    output("tar", "-C", str(directory), "-xf", str(bare_system()))
    directory.chmod(0o755)  # or only root could enter
    shutil.copy("/etc/resolv.conf", system.path("/etc/resolv.conf"))
    ways = [line for line in output("apt-config", "dump", "Acquire").splitlines()
            if line.startswith(("Acquire::http", "Acquire::Check"))]  # fmt: skip
    system.path("/etc/apt/apt.conf.d/99host").write_text("\n".join(ways) + "\n")
    # Nobody needs this system after a power cut.
    system.path("/etc/dpkg/dpkg.cfg.d/99test").write_text("force-unsafe-io\n")
    policy = system.path("/usr/sbin/policy-rc.d")
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    output("mount", "-t", "proc", "proc", str(system.path("/proc")))
    try:
        shutil.copy(PACKAGE, system.path("/tmp/mailtriage.deb"))
        system.run("apt-get", "update", "-qq")
        install(system)
        yield system
    finally:
        output("umount", str(system.path("/proc")))
        shutil.rmtree(directory)


def install(system: Debian, *options: str) -> None:
    """Let apt install the package, and what it depends on."""
    system.run("apt-get", "install", "-y", "-q", "--no-install-recommends", *options,
               "/tmp/mailtriage.deb")  # fmt: skip


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_has_nothing_to_say() -> None:
    """But for what packaging/debian/lintian-overrides gives the reasons for."""
    output("lintian", "--fail-on", "error,warning", PACKAGE)


def test_the_configuration_is_sound_and_says_where_the_socket_comes_from(debian: Debian) -> None:
    debian.run("mailtriage", "check", user="mailtriage")
    changed = debian.run("mailtriage", "config", "--changed")
    assert "milter.listen" in changed
    assert "fd:3" in changed


def test_postfix_is_told_of_the_socket_in_its_queue_directory(debian: Debian) -> None:
    assert "unix:mailtriage/milter.sock" in debian.run("mailtriage", "postfix")


def test_the_demo_runs_without_any_set_up(debian: Debian) -> None:
    assert "urgent" in debian.run("mailtriage", "demo", "--once", user="nobody").lower()


def test_the_shipped_policies_pass_their_tests(debian: Debian) -> None:
    debian.run("mailtriage", "test", user="mailtriage")


def test_both_units_are_enabled_and_systemd_understands_them(debian: Debian) -> None:
    at = f"--root={debian.directory}"
    assert output("systemctl", at, "is-enabled", *UNITS).split() == ["enabled", "enabled"]
    verified = subprocess.run(
        ["systemd-analyze", at, "--man=no", "verify", *UNITS],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_nothing_in_the_package_belongs_to_the_service(debian: Debian) -> None:
    """Whoever breaks into the service can change neither its program nor its configuration."""
    places = ("/opt/mailtriage", "/etc/mailtriage", "/lib/systemd/system")
    assert debian.run("find", *places, "!", "-user", "root") == ""
    assert debian.run("find", *places, "-perm", "/022", "!", "-type", "l") == ""


def test_it_serves_mail_as_its_own_user_and_ends_with_0(debian: Debian) -> None:
    """Started as the units do: the socket passed, READY=1 awaited, SIGTERM in the end."""
    debian.path("/etc/mailtriage/conf.d/own.toml").write_text('[mailboxes."help@desk.example"]\n')
    path = debian.path("/var/spool/postfix/mailtriage/milter.sock")
    told = debian.path("/run/notify")
    log = debian.path("/tmp/serve.log")
    sample = Sample((*Sample().headers, (b"From", b"anna@customer.example")))
    with (
        socket.socket(socket.AF_UNIX) as milter,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
        log.open("wb") as errors,
    ):
        milter.bind(str(path))
        milter.listen(16)
        notified.bind(str(told))
        notified.settimeout(60)
        told.chmod(0o666)
        command = debian.command("mailtriage", "serve", user="mailtriage")
        service = subprocess.Popen(
            [sys.executable, "-c", AS_SYSTEMD, str(milter.fileno()), *command],
            env={**ENVIRONMENT, "NOTIFY_SOCKET": "/run/notify"},
            stdin=subprocess.DEVNULL, stderr=errors, pass_fds=(milter.fileno(),),
        )  # fmt: skip
        try:
            while b"READY=1" not in notified.recv(4096):
                pass
            assert_tagged(tag(path, sample).applied_to(sample.headers))
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
        except BaseException:
            print(log.read_text(errors="replace")[-4000:])
            service.kill()
            raise
        finally:
            path.unlink()
            told.unlink()
    written = {file.name for file in debian.path("/var/lib/mailtriage").iterdir()}
    assert {"secret", "state.db"} <= written


def test_an_upgrade_keeps_what_the_administrator_changed(debian: Debian) -> None:
    own = debian.path("/etc/mailtriage/mailtriage.toml")
    own.write_text(own.read_text() + "# a line of ours\n")
    secret = debian.path("/var/lib/mailtriage/secret")
    secret.write_bytes(bytes(range(32)))
    secret.chmod(0o600)
    install(debian, "--reinstall")
    assert own.read_text().endswith("# a line of ours\n")
    assert secret.read_bytes() == bytes(range(32))
    debian.run("mailtriage", "check")


def test_removed_it_keeps_what_it_wrote_and_purged_it_leaves_nothing(debian: Debian) -> None:
    """But for what the administrator added: no package may know that it is worth nothing."""
    debian.run("apt-get", "remove", "-y", "-q", "mailtriage")
    assert not debian.path("/opt/mailtriage").exists()
    assert debian.path("/var/lib/mailtriage/secret").exists()
    assert debian.path("/etc/mailtriage/mailtriage.toml").exists()

    before = debian.files()
    debian.run("apt-get", "purge", "-y", "-q", "mailtriage")
    left = debian.files()
    assert left <= before
    own = {"./etc/mailtriage", "./etc/mailtriage/conf.d", "./etc/mailtriage/conf.d/own.toml"}
    assert {name for name in left if "mailtriage" in name or name.startswith("./opt/")} == own
    assert not debian.path("/var/spool/postfix").exists()
    accounts = (debian.path(f"/etc/{name}").read_text() for name in ("passwd", "group"))
    assert not [text for text in accounts if "mailtriage" in text or "postfix" in text]
    assert debian.run("find", "/", "-xdev", "(", "-nouser", "-o", "-nogroup", ")") == ""
