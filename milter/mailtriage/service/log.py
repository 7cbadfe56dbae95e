"""Logs: logfmt lines on standard error, one a mail. Never a body, never a subject.

Addresses are keyed hashes unless `log.addresses = "plain"`: the same writer can be followed through
the log without anyone reading who it is.
"""

import hashlib
import os
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from mailtriage.doors.analysis import Analysis
from mailtriage.triage.model import Direction

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: Final = {"debug": 0, "info": 1, "warning": 2, "error": 3}
# journald reads the syslog priority from the start of a line (sd-daemon(3)).
_SYSLOG: Final = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>"}
_BARE: Final = re.compile(r"[!#-<>-\[\]-~]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

MAX_WAITING: Final = 10_000
"""Lines that wait for a slow standard error; older ones are dropped and counted."""

FLUSH_INTERVAL: Final = 0.05
"""Seconds for which lines are gathered into one write; a wake-up a mail would cost more."""


def logfmt(fields: Mapping[str, object]) -> str:
    """`key=value` pairs; values with blanks, quotes or "=" are quoted, control bytes escaped."""
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: object) -> str:
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text) + '"'


class Log:
    """Writes log lines from a thread of its own: nobody who logs waits for disk or journal."""

    def __init__(self, level: str = "info", stream: int = 2) -> None:
        """`stream` is the file descriptor that lines are written to."""
        self._threshold: Final = _LEVELS[level]
        self._stream: Final = stream
        self._prefixed: Final = bool(os.environ.get("JOURNAL_STREAM"))
        self._lines: Final[deque[str]] = deque(maxlen=MAX_WAITING)
        self._dropped = 0
        self._wake: Final = threading.Event()
        self._writing: Final = threading.Lock()
        self._thread: threading.Thread | None = None

    def line(self, level: Level, fields: Mapping[str, object]) -> None:
        """Queue one line; returns at once."""
        if _LEVELS[level] < self._threshold:
            return
        prefix = _SYSLOG[level] if self._prefixed else f"level={level} "
        if len(self._lines) == MAX_WAITING:
            self._dropped += 1
        self._lines.append(f"{prefix}{logfmt(fields)}\n")
        if self._thread is None:
            self.flush()
        elif not self._wake.is_set():
            self._wake.set()

    def start_thread(self) -> None:
        """Write in the background from now on. Not before a fork: threads do not survive it."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = []
            while self._lines:
                lines.append(self._lines.popleft())
            if self._dropped:
                lines.append(f"level=warning event=log-dropped lines={self._dropped}\n")
                self._dropped = 0
            data = "".join(lines).encode("utf-8", "backslashreplace")
            try:
                while data:
                    data = data[os.write(self._stream, data) :]
            except OSError:
                # A log that cannot be written is no reason to hold up mail.
                return

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(FLUSH_INTERVAL)
            self._wake.clear()
            self.flush()


class AddressMask:
    """How addresses look in the log."""

    def __init__(self, shown: str, key_file: Path | None) -> None:
        """`shown` is "hashed" or "plain". Without a key file the key is the process's own."""
        self._plain: Final = shown == "plain"
        key = key_file.read_bytes() if key_file else secrets.token_bytes(32)
        self._key: Final = hashlib.blake2b(key, digest_size=32).digest()

    def __call__(self, address: str) -> str:
        """The address as it is logged; "<>" for the null sender."""
        if not address:
            return "<>"
        if self._plain:
            return address
        digest = hashlib.blake2b(address.lower().encode(), key=self._key, digest_size=6)
        return digest.hexdigest()


def mail_fields(
    analysis: Analysis,
    queue_id: str,
    sender: str,
    recipients: Sequence[str],
    mask: AddressMask,
) -> dict[str, object]:
    """The fields of the one line that is logged for a mail."""
    triage, mail = analysis.triage, analysis.mail
    fields: dict[str, object] = {
        "event": "mail",
        "queue_id": queue_id or "-",
        "direction": triage.direction,
        "sender": mask(sender),
        "recipients": ",".join(mask(recipient) for recipient in recipients[:5]) or "-",
        "status": analysis.status,
    }
    if triage.direction is Direction.INBOUND and mail is not None:
        fields |= {
            "priority": triage.priority,
            "score": triage.score,
            "language": triage.language,
            "skill": triage.skill,
            "topic": triage.topic,
            "tier": triage.tier,
            "churn": triage.churn,
            "mood": triage.mood,
            "kind": triage.kind,
            "thread": triage.thread,
            "rules": ",".join(dict.fromkeys(entry.id for entry in triage.why[:20])) or "-",
        }
    if mail is not None and mail.defects:
        fields["defects"] = ",".join(mail.defects)
    if analysis.edits.delete:
        fields["stripped"] = len(analysis.edits.delete)
    if analysis.detail:
        fields["fault"] = analysis.detail
    fields["ms"] = f"{analysis.milliseconds:.1f}"
    return fields
