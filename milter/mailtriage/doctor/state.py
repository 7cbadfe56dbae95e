"""The state directory, the outbox, and Redis where it is used."""

from collections.abc import Iterator
from typing import Final

from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding

_WITHOUT_LOCKS: Final = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs")
"""File systems of the network: SQLite's write-ahead log wants memory that all processes share."""
_VOLATILE: Final = ("tmpfs", "ramfs")
_LATE: Final = 900.0
"""Seconds after which an acknowledgement that is due is a sign of something."""
_KEEPING: Final = "noeviction"
_CLOCKS_APART: Final = 5.0
"""Seconds; desk/sharing.py logs it from then on, too."""


def secret(facts: Facts) -> Iterator[Finding]:
    """secret-mode, secret-missing: what everything is signed with."""
    if facts.state is None or not facts.state.secret_fault:
        return
    file = facts.config.state.secret
    if "others may" in facts.state.secret_fault:
        yield Finding(
            "secret-mode",
            "error",
            f"{file} may be read or changed by every user of this machine",
            "who has it can write to the desk and forge our Message-IDs; mailtriage refuses it",
            f"chmod o= {file}",
        )
        return
    yield Finding(
        "secret-missing",
        "error",
        facts.state.secret_fault,
        "nothing can be signed: no hidden copy, no sweeper, no acknowledgement",
        f"systemctl restart mailtriage && {facts.shell.rewire()}",
    )


def database(facts: Facts) -> Iterator[Finding]:
    """database, state-volatile: what is owed must outlive a power failure."""
    if facts.state is None:
        return
    if facts.state.database_fault:
        yield Finding(
            "database",
            "error",
            facts.state.database_fault,
            "the desk refuses every copy until it can write: Postfix keeps them",
            "systemctl restart mailtriage; journalctl -u mailtriage -n 20",
        )
    kind, directory = facts.state.file_system, facts.config.state.database.parent
    if kind in _VOLATILE or kind in _WITHOUT_LOCKS:
        yield Finding(
            "state-volatile",
            "error",
            f"{directory} is on {kind}",
            "with the power go all acknowledgements that were owed, and the secret"
            if kind in _VOLATILE
            else "SQLite's log needs memory shared by all processes, which a network does not have",
            '# In [state] write url = "sqlite:///var/lib/mailtriage/state.db", on a local disk,\n'
            "# move the files there, and restart mailtriage",
        )


def outbox(facts: Facts) -> Iterator[Finding]:
    """outbox-dead, outbox-late: acknowledgements that did not go out."""
    if facts.state is None:
        return
    if facts.state.dead:
        yield Finding(
            "outbox-dead",
            "warning",
            f"{facts.state.dead} mails of ours to customers were given up in the last week",
            "Postfix refused them for good, or too often: these customers heard nothing",
            facts.shell.mailtriage("outbox list"),
        )
    if facts.state.oldest_due > _LATE:
        yield Finding(
            "outbox-late",
            "warning",
            f"an acknowledgement has been due for {facts.state.oldest_due / 60:.0f} minutes",
            "Postfix takes none, or the process mt-acks does not run",
            f"{facts.shell.mailtriage('outbox list')}; journalctl -u mailtriage -n 20",
        )


def redis(facts: Facts) -> Iterator[Finding]:
    """redis-down, redis-durability, redis-eviction, redis-foreign, redis-clock."""
    for server in facts.redis:
        if server.fault:
            yield Finding(
                "redis-down",
                "error",
                f"Redis ({server.key}) cannot be used: {server.fault}",
                "each node decides by what it knows itself: a customer may hear twice, and what an"
                " agent sends through one node the others hear of later"
                if server.key == "state.url"
                else "customers have tier unknown, and look-ups cost time",
                "systemctl status redis-server; redis-cli ping",
            )
            continue
        if server.foreign:
            yield Finding(
                "redis-foreign",
                "error",
                f"This node shares nothing through Redis ({server.key}): {server.foreign}",
                "it decides by what it knows itself: a customer may hear from two nodes",
                "# Copy the secret of the other nodes (state.secret_file), or give this"
                " organisation a\n# state.prefix of its own; docs/many-nodes.md has both",
            )
        if server.ahead > _CLOCKS_APART:
            yield Finding(
                "redis-clock",
                "warning",
                f"the clocks of Redis ({server.key}) and of this machine differ by"
                f" {server.ahead:.0f} seconds",
                "limits are counted in the times of all nodes, and promises are points in time",
                "timedatectl set-ntp true",
            )
        if not server.asked:
            continue
        if not server.appends:
            yield Finding(
                "redis-durability",
                "error" if server.key == "state.url" else "warning",
                f"Redis ({server.key}) does not write down what it is told (appendonly no)",
                "after a crash of Redis what was told since its last snapshot is gone",
                "redis-cli config set appendonly yes && redis-cli config rewrite",
            )
        if server.eviction != _KEEPING:
            yield Finding(
                "redis-eviction",
                "error",
                f"Redis ({server.key}) throws entries away when memory is short"
                f" (maxmemory-policy {server.eviction})",
                "with them goes who was acknowledged, and which node has a mail in hand"
                if server.key == "state.url"
                else "the customer list is one entry: on a busy day nobody is VIP any more",
                "redis-cli config set maxmemory-policy noeviction && redis-cli config rewrite",
            )
