"""Room for Postfix's queue and for the state."""

from collections.abc import Iterator
from typing import Final

from mailtriage.doctor.facts import Facts
from mailtriage.doctor.model import Finding

_LITTLE: Final = 500 * 2**20
"""Bytes below which it is time to look."""
_FEW: Final = 0.02
"""Share of free inodes below which it is time to look: a queue is many small files."""


def disk(facts: Facts) -> Iterator[Finding]:
    """disk: nearly full, or so full that Postfix refuses mail."""
    largest = facts.postfix.main.get("message_size_limit", "") if facts.postfix else ""
    # smtpd refuses all mail when less than 1.5 * message_size_limit is free (postconf(5),
    # queue_minfree).
    needed = int(1.5 * int(largest)) if largest.isdecimal() else 0
    for one in facts.disks:
        if one.free < max(needed, _LITTLE):
            full = one.free < needed
            yield Finding(
                "disk",
                "error" if full else "warning",
                f"{one.free // 2**20} MiB are free below {one.directory}",
                "Postfix refuses all mail below one and a half times message_size_limit"
                if full
                else "when it is full Postfix refuses mail, and the desk cannot write",
                f"df -h {one.directory}; du -xh --max-depth=2 {one.directory} | sort -h | tail",
            )
        elif one.inodes_free < _FEW:
            yield Finding(
                "disk",
                "warning",
                f"{one.inodes_free:.1%} of the inodes are free below {one.directory}",
                "without a free inode nothing can be queued, however much room there is",
                f"df -i {one.directory}",
            )
