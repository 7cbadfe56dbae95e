"""Phrases that come up in the latest mail: from an analyser to the thread that watches for them.

The newest text of a mail goes through the socket of the history, as a record of another kind, and
lives in the memory of one process alone: it is never written to a file or a log. What is told of it
is words that at least four people have written (insight/phrases.py). Texts are what is dropped
first when there is more than can be taken: no decision makes way for one.
"""

import fcntl
import json
import re
import socket
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Final

from mailtriage.acks.follow_up_texts import (
    FollowUpTexts,
    load_follow_up_texts,
    sample_surveys,
    sample_updates,
)
from mailtriage.acks.templates import TextError, sample_values
from mailtriage.acks.tokens import Tokens
from mailtriage.config import Config
from mailtriage.desk.follow_up_kept import wanted
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.faults import place_of
from mailtriage.insight.counts import Kind, Series
from mailtriage.insight.phrases import MOST_PHRASES, WINDOW, Emerging, Stem, Watch, grams
from mailtriage.knowledge.text import STEMMERS, base_language
from mailtriage.policies.load import ACKS
from mailtriage.policies.model import GENERAL
from mailtriage.service import metrics_names as names
from mailtriage.service.log import Log
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.shipped import shipped_directory
from mailtriage.tags.model import Status
from mailtriage.triage.model import Direction
from mailtriage.triage.model import Kind as Writer
from mailtriage.triage.skill import NO_TOPIC

MARK: Final = b"T"
"""First byte of a text; that of a decision is "["."""

MOST_CHARACTERS: Final = 2000
"""Of subject and newest text together."""

SHARE: Final = 8
"""A text is handed on while no more than one part in so many of the socket is taken."""

MOST_WAITING: Final = 200
"""Texts that wait for the thread; more are dropped."""

REST: Final = 19
"""Times as long as a text took the thread rests after it: a twentieth of a core is the most it
takes, and whoever reads decisions in this process is not kept waiting. A text takes 0.1 to 0.5 ms,
and some 2 ms where hardly a phrase was there before: then 25 a second are what it can take. With a
quarter of a core, and both cores busy, each mail cost a millisecond more."""

PAUSE: Final = 1.0
SCAN_EVERY: Final = 300
"""Seconds between two looks for texts, and for what is new in them."""

TOLD_FOR: Final = 86_400
"""Seconds for which a finding is counted, and stands in alerts."""

MOST_LANGUAGES: Final = 8
_MOST_FOUND: Final = 100
_MOST_IN_MAIL: Final = 5
_LAST_TEXT: Final = 2.0

_LANGUAGE: Final = re.compile(r"[a-z]{2,8}")
_NAME: Final = re.compile(r"[a-z0-9_-]{0,64}")
_QUEUE_ID: Final = re.compile(r"[A-Za-z0-9]{4,32}")
_SENDER_AT_LEAST: Final = 2
_NOBODY: Final = {"desk": "", "privacy": ""}


def watches_phrases(config: Config) -> bool:
    """Whether anybody is to be handed texts."""
    return config.history.keep > 0 and config.warnings.enabled and config.warnings.phrases


def series_named(skill: str, topic: str, language: str) -> tuple[Series, ...]:
    """What a mail counts for: its skill, language and topic, or what nobody could name."""
    found: list[tuple[Kind, str]] = [("skill", skill), ("language", language)]
    if topic != NO_TOPIC:
        found.append(("topic", topic))
    elif skill == GENERAL:
        found.append(("unsure", "all"))
    return tuple(Series(kind, name) for kind, name in found if name)


class Texts:
    """An analyser's end of the socket `into`, which does not block."""

    def __init__(self, into: socket.socket, tokens: Tokens, deltas: Deltas) -> None:
        self._into: Final = into
        self._tokens: Final = tokens
        self._deltas: Final = deltas

    def tell(self, analysis: Analysis, queue_id: str) -> None:
        """Hand on the text of a mail, if it is one to be watched. Never waits and never raises."""
        try:
            record = text_record(analysis, queue_id, self._tokens)
            if not record:
                return
            if self._has_room():
                self._into.send(record)
                return
        except Exception:  # noqa: BLE001, S110  no mail depends on it; it is counted below
            pass
        self._deltas.add(names.HISTORY_DROPPED, "text")

    def _has_room(self) -> bool:
        """By what waits in the socket, of all analysers together (Linux: SIOCOUTQ)."""
        (taken,) = struct.unpack("i", fcntl.ioctl(self._into, termios.TIOCOUTQ, bytes(4)))
        size = self._into.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return int(taken) * SHARE <= size


def text_record(analysis: Analysis, queue_id: str, tokens: Tokens) -> bytes:
    """What goes through the socket: a line of JSON, then the text. Empty unless a human wrote the
    mail to us, in the open, and to nobody who is exempt."""
    mail, triage = analysis.mail, analysis.triage
    if mail is None or mail.encrypted or analysis.exempt or analysis.status is not Status.OK:
        return b""
    if triage.direction is not Direction.INBOUND or triage.kind is not Writer.HUMAN:
        return b""
    address = mail.from_address or mail.envelope.sender
    text = f"{mail.subject}\n{mail.newest_text}"[:MOST_CHARACTERS]
    if not address or not text.strip():
        return b""
    sender = tokens.pseudonym("address", address).hex()
    facts = (sender, queue_id, triage.language, triage.skill, triage.topic)
    return MARK + json.dumps(facts).encode("ascii") + b"\n" + text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Newest:
    """What a record says."""

    language: str
    """Without its region."""
    sender: bytes
    queue_id: str
    labels: tuple[str, ...]
    text: str


def newest_of(record: bytes) -> Newest | None:
    """The inverse of `text_record`; None when it is none.

    Whoever breaks out of an analyser, which reads what strangers send, may write anything here.
    """
    head, _, text = record.removeprefix(MARK).partition(b"\n")
    try:
        sender, queue_id, code, skill, topic = json.loads(head)
        hashed, language = bytes.fromhex(sender), base_language(code)
        named = all(_NAME.fullmatch(one) for one in (code, skill, topic))
        if not named or not _LANGUAGE.fullmatch(language) or len(hashed) < _SENDER_AT_LEAST:
            return None
        shown = queue_id if _QUEUE_ID.fullmatch(queue_id) else ""
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    labels = tuple(_label(series) for series in series_named(skill, topic, code))
    return Newest(
        language, hashed, shown, labels, text.decode("utf-8", "replace")[:MOST_CHARACTERS]
    )


class Phrases:
    """The thread that watches, one memory a language; and what it tells early warning."""

    def __init__(self, analyst: Analyst, deltas: Deltas, log: Log) -> None:
        self._acks: Final = analyst.texts
        self._follow_ups: Final = _follow_ups(analyst.config)
        self._fallback: Final = analyst.config.ack.fallback_languages
        self._deltas: Final = deltas
        self._log: Final = log
        self._waiting: Final[deque[bytes]] = deque()
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        """Held while watches and findings change, or are read by another thread."""
        self._watches: Final[dict[str, Watch]] = {}
        self._changed: Final[set[str]] = set()
        self._found: Final[deque[tuple[int, Emerging]]] = deque(maxlen=_MOST_FOUND)
        self._trouble = ""
        self._thread: Final = threading.Thread(target=self._run, name="phrases", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not looked at is forgotten."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST_TEXT)

    def take(self, record: bytes) -> None:
        """One text of an analyser."""
        if len(self._waiting) >= MOST_WAITING:
            self._deltas.add(names.HISTORY_DROPPED, "text")
            return
        self._waiting.append(record)

    def typical(self, series: Series) -> tuple[str, ...]:
        """Phrases that the latest mail of a series has and other mail has not; of its languages in
        turn, the one with most of it first."""
        label = _label(series)
        with self._lock:
            often = {
                language: sum(label in each.labels for each in watch.window)
                for language, watch in self._watches.items()
            }
            ranked = sorted(often, key=lambda language: (-often[language], language))
            found = [self._watches[language].typical(label) for language in ranked]
        in_turn = (phrase for phrase in chain(*zip_longest(*found)) if phrase)
        return tuple(dict.fromkeys(in_turn))[:MOST_PHRASES]

    def paragraph(self, now: float) -> str:
        """What came up in the last day, for the mail of an alert; empty when nothing did."""
        with self._lock:
            lines = [_line(one) for at, one in self._found if now - at < TOLD_FOR]
        if not lines:
            return ""
        return "\n".join(["", "New in the latest mail:", *lines[-_MOST_IN_MAIL:], ""])

    def _run(self) -> None:
        next_scan = time.monotonic() + SCAN_EVERY
        while not self._stop.is_set():
            try:
                while self._waiting and not self._stop.is_set():
                    begun = time.thread_time()
                    self.look(int(time.time()))
                    self._stop.wait(REST * (time.thread_time() - begun))
                if time.monotonic() >= next_scan:
                    next_scan = time.monotonic() + SCAN_EVERY
                    self.scan(int(time.time()))
                self._trouble = ""
            except Exception as fault:  # noqa: BLE001  whatever it is, the history goes on
                self._tell(place_of(fault))
            self._stop.wait(PAUSE)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._log.line("warning", {"event": "phrases", "fault": trouble})
        self._trouble = trouble

    def look(self, now: int) -> None:
        """Take one text that waits; `now`: seconds since the epoch."""
        one = newest_of(self._waiting.popleft())
        if one is None:
            self._deltas.add(names.HISTORY_DROPPED, "damaged")
            return
        watch = self._watch(one.language)
        if watch is None:
            return
        with self._lock:
            watch.add(one.text, now, one.sender, one.queue_id, one.labels)
        self._changed.add(one.language)

    def scan(self, now: int) -> None:
        """Look for what is new, in languages that have had mail; and count what was found."""
        for language in sorted(self._changed & self._watches.keys()):
            with self._lock:
                found = self._watches[language].scan(now)
                self._found.extend((now, one) for one in found)
            for one in found:
                fields = {
                    "event": "emerging",
                    "language": one.language,
                    "phrases": ", ".join(one.phrases),
                    "mails": one.mails,
                    "senders": one.senders,
                    "examples": ",".join(one.queue_ids),
                }
                self._log.line("info", fields)
        self._changed.clear()
        for language in self._watches:
            recent = sum(one.language == language for at, one in self._found if now - at < TOLD_FOR)
            self._deltas.set(names.EMERGING, language, value=recent)

    def _watch(self, language: str) -> Watch | None:
        """The memory of a language. Where there are as many as may be, the one with least mail
        makes way for a new one; none does that has seen a window of it."""
        known = self._watches.get(language)
        if known is not None:
            return known
        leaving = ""
        if len(self._watches) >= MOST_LANGUAGES:
            leaving = min(self._watches, key=lambda one: len(self._watches[one].window))
            if len(self._watches[leaving].window) >= WINDOW:
                return None
        stem = _stemmer(language)
        made = Watch(language, stem, self._own_words(language, stem))
        with self._lock:
            if leaving:
                del self._watches[leaving]
                self._deltas.set(names.EMERGING, leaving, value=0)
            self._watches[language] = made
        return made

    def _own_words(self, language: str, stem: Stem) -> frozenset[str]:
        """Grams of what those who write in a language get from us: acknowledgements, and updates
        and surveys where a mailbox sends any.

        Without the line for what is urgent: "outage" is in it, which is the last word to miss.
        """
        lines: set[str] = set()
        for text in self._acks.choose(language, self._fallback) if self._acks else ():
            for values in sample_values(text.language):
                if not values["urgent"] and not values["kb"]:
                    lines.update(text.plain(values | _NOBODY).splitlines())
        for more in self._follow_ups.choose(language, self._fallback) if self._follow_ups else ():
            lines.update((more.update.subject, more.survey.subject))
            for values in sample_updates(more.language):
                if not values["urgent"]:
                    lines.update(more.update.plain(values | _NOBODY).splitlines())
            for values in sample_surveys(more.language, more.survey.labels):
                lines.update(more.survey.plain(values | _NOBODY).splitlines())
        return frozenset(gram for line in lines for gram in grams(line, stem))


def _follow_ups(config: Config) -> FollowUpTexts | None:
    """The texts of updates and surveys; None where no mailbox sends any.

    None, too, where they have become faulty since they were checked: the desk says so.
    """
    if not any(wanted(mailbox, config.follow_ups) for mailbox in config.mailboxes.mailboxes):
        return None
    shipped = shipped_directory("policies") / ACKS
    try:
        return load_follow_up_texts(shipped, config.ack.templates, only_own=True)
    except TextError:
        return None


def _stemmer(language: str) -> Stem:
    name = STEMMERS.get(language)
    if name is None:
        return str
    import Stemmer

    # Not the one of the look-ups: it must not be shared between threads.
    made: Any = Stemmer.Stemmer(name)
    stem: Callable[[str], str] = made.stemWord
    return stem


def _label(series: Series) -> str:
    return f"{series.kind}:{series.name}"


def _line(one: Emerging) -> str:
    phrases = ", ".join(f'"{phrase}"' for phrase in one.phrases)
    examples = f"; examples: {', '.join(one.queue_ids)}" if one.queue_ids else ""
    return f"  {one.language}: {phrases} ({one.mails} mails of {one.senders} senders{examples})"
