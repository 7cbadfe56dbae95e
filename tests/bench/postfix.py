"""A private Postfix: own configuration, queue and data directories, loopback only, high ports.

One smtpd port for each variant, alike but for the milter. Everything accepted is discarded, so that
delivery costs little and the same for all. The queue lies in memory where /dev/shm is there: the
disk's fsync, which no milter influences, would drown the differences.
"""

import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.variants import Daemon, StartError, spawn

_MAIN: Final = """
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.bench.test
mydestination =
mynetworks = 127.0.0.0/8
relay_domains = desk.example
relay_transport = discard:
default_transport = discard:
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
disable_dns_lookups = yes
message_size_limit = 60000000
mailbox_size_limit = 0
in_flow_delay = 0
default_process_limit = 200
qmgr_message_active_limit = 20000
biff = no
maillog_file = {log}
maillog_file_prefixes = {directory}
milter_default_action = tempfail
milter_connect_timeout = 10s
milter_command_timeout = 60s
milter_content_timeout = 120s
"""
# tempfail: a milter that died must show, and not pass for a fast one.

_MASTER: Final = """
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A Postfix that runs."""

    daemon: Daemon
    queue: Path
    ports: dict[str, int]
    """The smtpd port for each variant."""

    def wait_until_empty(self) -> None:
        """Returns when every mail has left the queue; raises StartError after 30 seconds."""
        deadline = time.monotonic() + 30
        while any(
            files
            for name in ("incoming", "active", "deferred")
            for _, _, files in os.walk(self.queue / name)
        ):
            if time.monotonic() > deadline:
                raise StartError(f"Postfix does not empty its queue; see {self.daemon.log}")
            time.sleep(0.02)


def start(directory: Path, milters: dict[str, Path | None]) -> Postfix:
    """Starts Postfix below `directory` with a port for each name, and the milter on that socket.

    Raises StartError when Postfix is missing or does not come up.
    """
    program = shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        raise StartError("Postfix is not installed (apt-get install postfix)")
    place = directory / "postfix"
    configuration, data, queue = (place / name for name in ("etc", "data", "queue"))
    for folder in (configuration, data, queue):
        folder.mkdir(parents=True)
    shutil.chown(data, "postfix")
    log = place / "mail.log"
    ports = dict(zip(milters, _free_ports(len(milters)), strict=True))
    main = _MAIN.format(queue=queue, data=data, log=log, directory=place)
    (configuration / "main.cf").write_text(main)
    services = "".join(
        f"127.0.0.1:{ports[name]} inet n - n - 200 smtpd"
        + (f" -o smtpd_milters=unix:{path}\n" if path else "\n")
        for name, path in milters.items()
    )
    (configuration / "master.cf").write_text(services + _MASTER)
    daemon = spawn(
        "postfix",
        [program, "-c", str(configuration), "start-fg"],
        log,
        lambda _: all(_greets(port) for port in ports.values()),
    )
    return Postfix(daemon, queue, ports)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            return connection.recv(4) == b"220 "
    except OSError:
        return False
