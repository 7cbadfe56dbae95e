"""What supervisor and workers say to each other: messages over a socket pair.

They are single bytes, but for the counts of metrics_deltas.py, which begin with "M". The socket
keeps messages apart (SOCK_SEQPACKET, unix(7)).
"""

from typing import Final

DRAIN: Final = b"D"
"""Supervisor to worker: take no new sessions, finish the open ones, leave."""

READY: Final = b"R"
"""Worker to supervisor: listening."""

ALIVE: Final = b"A"
"""Worker to supervisor, once a second."""

RECYCLE: Final = b"W"
"""Worker to supervisor: worn out, please replace me."""

TICK: Final = 1.0
"""Seconds between two signs of life."""
