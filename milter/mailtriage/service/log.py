"""Logs: logfmt lines on standard error, one a mail. Never a body, never a subject.

Addresses are keyed hashes unless `log.addresses = "plain"`: the same writer can be followed through
the log without anyone reading who it is.
"""

import hashlib
import os
import re
import secrets
import select
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mailtriage.desk.report import Level
from mailtriage.doors.analysis import Analysis
from mailtriage.doors.tried import Tried
from mailtriage.triage.model import Direction

_LEVELS: Final = {"debug": 0, "info": 1, "warning": 2, "error": 3}
# journald reads the syslog priority from the start of a line (sd-daemon(3)).
_SYSLOG: Final = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>"}
_BARE: Final = re.compile(r"[!#-<>-\[\]-~]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

MAX_WAITING: Final = 10_000
"""Lines that wait for a slow standard error; older ones are dropped and counted."""

PIPE_BUF: Final = select.PIPE_BUF
"""Bytes that a pipe takes in one piece (pipe(7)): lines of several processes stay whole. Also what
there is room for when poll(2) says that a pipe can be written to.
"""

PATIENCE: Final = 0.2
"""Seconds that whoever reads standard error may hold up the writing of a line."""

RETRY_INTERVAL: Final = 1.0
"""Seconds after which a standard error that was not read is tried again."""

FLUSH_INTERVAL: Final = 0.05
"""Seconds for which lines are gathered into one write; a wake-up a mail would cost more."""


_KEY_OF_THIS_RUN: Final = secrets.token_bytes(32)
"""Made before the first fork: every process of a service hashes an address alike."""


def logfmt(fields: Mapping[str, object]) -> str:
    """`key=value` pairs; values with blanks, quotes or "=" are quoted, control bytes escaped."""
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: object) -> str:
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text) + '"'


def _is_journal(stream: int) -> bool:
    """Whether that descriptor leads to journald, which is what JOURNAL_STREAM names.

    Whoever redirects the output of a service, or starts us from a shell that is one, has the
    variable without the journal (systemd.exec(5)).
    """
    try:
        status = os.fstat(stream)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Log:
    """Writes log lines from a thread of its own: nobody who logs waits for disk or journal."""

    def __init__(self, level: str = "info", stream: int = 2) -> None:
        """`stream` is the file descriptor that lines are written to."""
        self._threshold: Final = _LEVELS[level]
        self._stream: Final = stream
        self._prefixed: Final = _is_journal(stream)
        self._lines: Final[deque[bytes]] = deque(maxlen=MAX_WAITING)
        self._unwritten = b""
        self._dropped = 0
        self._wake: Final = threading.Event()
        self._writing: Final = threading.Lock()
        self._thread: threading.Thread | None = None

    def line(self, level: Level, fields: Mapping[str, object]) -> None:
        """Queue one line; returns at once, or without the thread after `PATIENCE` at the latest."""
        if _LEVELS[level] < self._threshold:
            return
        if len(self._lines) == MAX_WAITING:
            self._dropped += 1
        self._lines.append(self._encoded(level, fields))
        if self._thread is None:
            self.flush()
        elif not self._wake.is_set():
            self._wake.set()

    def start_thread(self) -> None:
        """Write in the background from now on. Not before a fork: threads do not survive it."""
        # What the parent could not write yet is the parent's to write.
        self._lines.clear()
        self._unwritten = b""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Write what waits, as far as it is read; the rest goes on waiting."""
        with self._writing:
            try:
                while self._unwritten or self._lines or self._dropped:
                    if not self._takes_more():
                        return
                    self._unwritten = self._unwritten or self._batch()
                    written = os.write(self._stream, self._unwritten[:PIPE_BUF])
                    self._unwritten = self._unwritten[written:]
            except OSError:
                # A log that cannot be written is no reason to hold up mail.
                self._unwritten = b""

    def _takes_more(self) -> bool:
        poll = select.poll()
        poll.register(self._stream, select.POLLOUT)
        return bool(poll.poll(PATIENCE * 1000))

    def _batch(self) -> bytes:
        """Whole lines, as many as go into one piece; at least one."""
        batch = b""
        if self._dropped:
            batch = self._encoded("warning", {"event": "log-dropped", "lines": self._dropped})
            self._dropped = 0
        elif self._lines:
            batch = self._lines.popleft()
        # The length is known before the line is taken: one that does not fit stays the first.
        while self._lines and len(batch) + len(self._lines[0]) <= PIPE_BUF:
            batch += self._lines.popleft()
        return batch

    def _encoded(self, level: Level, fields: Mapping[str, object]) -> bytes:
        prefix = _SYSLOG[level] if self._prefixed else f"level={level} "
        return f"{prefix}{logfmt(fields)}\n".encode("utf-8", "backslashreplace")

    def _run(self) -> None:
        while True:
            self._wake.wait(RETRY_INTERVAL if self._unwritten or self._lines else None)
            time.sleep(FLUSH_INTERVAL)
            self._wake.clear()
            self.flush()


class AddressMask:
    """How addresses look in the log."""

    def __init__(self, shown: str, key_file: Path | None) -> None:
        """`shown` is "hashed" or "plain". Without a key file the key is that of this run."""
        self._plain: Final = shown == "plain"
        key = key_file.read_bytes() if key_file else _KEY_OF_THIS_RUN
        self._key: Final = hashlib.blake2b(key, digest_size=32).digest()

    def __call__(self, address: str) -> str:
        """The address as it is logged; "<>" for the null sender."""
        if not address:
            return "<>"
        if self._plain:
            return address
        # Bytes of an address that are no UTF-8 come as lone surrogates.
        raw = address.lower().encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(raw, key=self._key, digest_size=6)
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
    if analysis.exempt:
        fields["exempt"] = analysis.exempt
    elif triage.direction is Direction.INBOUND and mail is not None:
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
            "ack": analysis.plan.verdict.announced if analysis.plan else "none",
            "ack_rule": (analysis.plan.verdict.rule if analysis.plan else "") or "-",
            "rules": ",".join(dict.fromkeys(entry.id for entry in triage.why[:20])) or "-",
        }
    if analysis.tried is not None:
        fields |= _tried(analysis.tried)
    if mail is not None and mail.defects:
        fields["defects"] = ",".join(mail.defects)
    if analysis.edits.delete:
        fields["stripped"] = len(analysis.edits.delete)
    if analysis.detail:
        fields["fault"] = analysis.detail
    fields["ms"] = f"{analysis.milliseconds:.1f}"
    return fields


def _tried(tried: Tried) -> dict[str, object]:
    """What was only tried, and what would have been."""
    fields: dict[str, object] = {}
    if tried.actions:
        fields["dry_run"] = ",".join(tried.actions)
    if tried.policies:
        fields["dry_run_policies"] = ",".join(tried.policies)
    if "acknowledge" in tried.actions and tried.plan is not None:
        fields["would_ack"] = tried.plan.verdict.announced
        fields["would_ack_rule"] = tried.plan.verdict.rule or "-"
    if "route" in tried.actions and tried.reroute:
        fields["would_route"] = len(tried.reroute)
    return fields
