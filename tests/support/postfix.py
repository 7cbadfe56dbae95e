"""A private Postfix for tests: own configuration, queue, data and log; loopback and free ports only.

It shares nothing with a Postfix that the machine may run, asks no DNS, leaves every header as it
is (no rewriting for local clients), folds no line, and hands every mail to one LMTP sink.
"""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import cycle
from pathlib import Path

Overrides = Mapping[str, str]
"""main.cf parameters that hold for one service only."""


def why_not() -> str:
    """Why no private Postfix can run here; empty when it can."""
    if os.geteuid() != 0:
        return "a private Postfix needs root: its daemons change to the user postfix"
    if shutil.which("postfix", path="/usr/sbin:/usr/bin:/sbin") is None:
        return "Postfix is not installed"
    return ""


def _ports() -> Iterator[int]:
    """Ports below those that Linux gives to clients (ip_local_port_range: from 32768), so that no
    connection takes one meanwhile; each process of pytest-xdist has ports of its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ours = range(20_000 + worker % 6 * 2_000, 20_000 + worker % 6 * 2_000 + 2_000)
    first = random.randrange(len(ours))
    return cycle((*ours[first:], *ours[:first]))


_PORTS = _ports()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a cycle never ends")


MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {log}
maillog_file_prefixes = {root}
syslog_name = private
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.test.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
lmtp_host_lookup = native
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
relay_domains = desk.example
relay_transport = lmtp:inet:127.0.0.1:{sink}
default_transport = lmtp:inet:127.0.0.1:{sink}
local_header_rewrite_clients =
lmtp_line_length_limit = 0
message_size_limit = 60000000
header_size_limit = 1000000
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{sasl}
smtpd_client_connection_count_limit = 0
smtpd_client_event_limit_exceptions = 127.0.0.0/8 203.0.113.0/24
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100000
smtpd_hard_error_limit = 100000
smtpd_junk_command_limit = 100000
smtpd_recipient_limit = 1000
in_flow_delay = 0
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
queue_run_delay = 2s
minimal_backoff_time = 2s
notify_classes =
biff = no
"""

MASTER_CF = """\
pickup    unix  n  -  n  60     1  pickup -o cleanup_service_name=cleanup_local
cleanup   unix  n  -  n  -      0  cleanup
qmgr      unix  n  -  n  300    1  qmgr
rewrite   unix  -  -  n  -      -  trivial-rewrite
bounce    unix  -  -  n  -      0  bounce
defer     unix  -  -  n  -      0  bounce
trace     unix  -  -  n  -      0  bounce
verify    unix  -  -  n  -      1  verify
flush     unix  n  -  n  1000?  0  flush
proxymap  unix  -  -  n  -      -  proxymap
lmtp      unix  -  -  n  -      -  lmtp
showq     unix  n  -  n  -      -  showq
error     unix  -  -  n  -      -  error
retry     unix  -  -  n  -      -  error
discard   unix  -  -  n  -      -  discard
anvil     unix  -  -  n  -      1  anvil
scache    unix  -  -  n  -      1  scache
postlog   unix-dgram n - n -    1  postlogd
"""


class PrivatePostfix:
    """One instance. `ports` maps the name of each smtpd service to its port.

    `services` names the smtpd listeners and `cleanups` further cleanup services, each with its own
    parameters. The cleanup service `cleanup_local` is the one that serves sendmail(1).
    """

    def __init__(
        self,
        root: Path,
        *,
        sink_port: int,
        sasl_port: int,
        services: Mapping[str, Overrides],
        cleanups: Mapping[str, Overrides],
    ) -> None:
        self.root = root
        self.config = root / "etc"
        self.queue = root / "queue"
        self.log_file = root / "mail.log"
        self.ports = {name: free_port() for name in services}
        for directory in (self.config, self.queue, root / "data"):
            directory.mkdir(mode=0o755)
        shutil.chown(root / "data", "postfix")

        main = MAIN_CF.format(root=root, log=self.log_file, sink=sink_port, sasl=sasl_port)
        master = MASTER_CF
        for name, overrides in cleanups.items():
            options, parameters = _overrides(name, overrides)
            main += parameters
            master += f"{name} unix n - n - 0 cleanup{options}\n"
        for name, overrides in services.items():
            options, parameters = _overrides(name, overrides)
            main += parameters
            master += f"127.0.0.1:{self.ports[name]} inet n - n - 100 smtpd{options}\n"
        (self.config / "main.cf").write_text(main)
        # Each program of Postfix waits until main.cf has not been written to for a second.
        os.utime(self.config / "main.cf", (0, 0))
        (self.config / "master.cf").write_text(master)

    def start(self) -> None:
        """Start. `postfix start` returns when the master listens on all ports."""
        os.utime(self.config / "main.cf", (0, 0))  # it waits while that is new
        self._postfix("start")

    def stop(self) -> None:
        """Stop, and wait until the master has gone."""
        self._postfix("stop")

    def sendmail(
        self, content: bytes, *recipients: str, sender: str = "agent@desk.example"
    ) -> None:
        """Submit a mail the way a local program does."""
        call = ["/usr/sbin/sendmail", "-C", str(self.config), "-i", "-f", sender, "--", *recipients]
        subprocess.run(call, input=content, check=True, timeout=30)

    def queued(self) -> int:
        """How many mails are in the queue."""
        waiting = ("maildrop", "incoming", "active", "deferred", "hold")
        return sum(1 for name in waiting for p in (self.queue / name).rglob("*") if p.is_file())

    def wait_until_empty(self, timeout: float = 60) -> None:
        """Until everything is delivered; TimeoutError when something stays."""
        end = time.monotonic() + timeout
        while self.queued():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.queued()} mails stay in the queue")
            time.sleep(0.05)

    def log(self) -> str:
        """The mail log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _postfix(self, command: str) -> None:
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.config), command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"postfix {command}: {done.stdout}{done.stderr}{self.log()}")


class RootShell:
    """A root shell in which postconf, postmap and postfix mean a private Postfix.

    So what an administrator would paste can be pasted. "postfix reload" does nothing unless that
    Postfix runs.
    """

    def __init__(self, postfix: PrivatePostfix, *, running: bool) -> None:
        self.config = postfix.config
        self._commands = postfix.root / "bin"
        self._commands.mkdir()
        for name in ("postconf", "postmap", "postfix"):
            idle = "" if running else '[ "$1" = reload ] && exit\n'
            wrapper = self._commands / name
            # Postfix's programs wait until main.cf has not changed for a second.
            cool = f"touch -d '1 hour ago' {self.config}/main.cf\n"
            call = f'{cool}exec /usr/sbin/{name} -c {self.config} "$@"\n'
            wrapper.write_text(f"#!/bin/sh\n{idle if name == 'postfix' else ''}{call}")
            wrapper.chmod(0o755)

    def paste(self, script: str, **environment: str) -> str:
        """Run a script; the first failure ends it and is an AssertionError. Returns stderr."""
        done = self._run(["/bin/sh", "-e", "-u"], script, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    def ask(self, *command: str) -> str:
        """What a command prints; nothing when it fails, as postmap -q does for what is not there."""
        return self._run(list(command), "", {}).stdout.strip()

    def ask_about(self, lines: list[str], *command: str) -> str:
        """What a command that reads these lines prints."""
        return self._run(list(command), "".join(f"{line}\n" for line in lines), {}).stdout

    def value(self, parameter: str) -> str:
        """A parameter of main.cf, as it is written there."""
        return self.ask("postconf", "-h", parameter)

    def _run(
        self, command: list[str], script: str, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        program = str(self._commands / command[0])  # absolute paths stay what they are
        return subprocess.run(
            [program, *command[1:]],
            input=script.replace("/etc/postfix", str(self.config)),
            env={**os.environ, "PATH": f"{self._commands}:/usr/sbin:/usr/bin:/bin", **environment},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


def _overrides(service: str, overrides: Overrides) -> tuple[str, str]:
    """-o options for master.cf, and the main.cf parameters that they point to.

    The detour through $name is the documented way to give values with blanks and braces.
    """
    options = "".join(f" -o {key}=${service}_{key}" for key in overrides)
    parameters = "".join(f"{service}_{key} = {value}\n" for key, value in overrides.items())
    return options, parameters
