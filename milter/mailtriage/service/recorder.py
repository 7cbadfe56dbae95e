"""The way of a decision into the history begins here: an analyser tells what it has decided.

Nobody waits for it anywhere. An analyser, once it has answered, hands a record to a socket that
does not block; where it is full, the record is dropped and counted. service/history.py is at the
other end.
"""

import json
import socket
from typing import Final

from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.exchange import Question
from mailtriage.service import metrics_names as names
from mailtriage.service.answered import AnswerChecks, checks_answers, record_of
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.phrases import Texts, watches_phrases
from mailtriage.state.history_schema import skills_text
from mailtriage.tags.vocabulary import NONE, PREFIX
from mailtriage.triage.model import Direction
from mailtriage.triage.remembered import Remembering
from mailtriage.triage.skill import OTHER_SKILL

LONGEST: Final = 16 * 1024
"""Bytes of a record; an ordinary one has some 600."""

BUFFER: Final = 4 * 1024 * 1024
"""Bytes that the socket should hold. The kernel gives as many as net.core.wmem_max allows: with its
default of 208 KiB some 180 records."""

NOT_WORTH_TELLING: Final = frozenset({"language", OTHER_SKILL})
"""Facets of evidence that decided nothing: as in X-Mailtriage-Why."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)


class Channel:
    """The socket between analysers and writer. Made before the first fork, it outlives each of
    them: what one writer has not read, the next one reads."""

    def __init__(self) -> None:
        # A stream that keeps records apart. A datagram socket would hold net.unix.max_dgram_qlen of
        # them, which is 10 where nobody has raised it.
        self.into, self.out = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.into.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.into.setblocking(False)  # noqa: FBT003  the signature of socket
        self.out.setblocking(False)  # noqa: FBT003  the same
        self._remembering: Remembering | None = None
        self._checks: AnswerChecks | None = None

    def prepare(self, analyst: Analyst) -> Analyst:
        """Before the fork, so that they are shared: the fingerprints of its policies and model,
        which take a quarter of a second and some megabytes, and what answers are held against.
        Returns the analyst."""
        if analyst.config.history.keep > 0:
            self._remembering = Remembering(analyst.matcher.policies, analyst.model)
            self._checks = AnswerChecks(analyst) if checks_answers(analyst) else None
        return analyst

    def checks(self, analyst: Analyst) -> AnswerChecks | None:
        """What was prepared for this analyst, or is made now; None where nothing is looked at."""
        if not checks_answers(analyst):
            return None
        prepared = self._checks
        if prepared is not None and prepared.is_of(analyst):
            return prepared
        return AnswerChecks(analyst)

    def remembering(self, analyst: Analyst) -> Remembering:
        """What was prepared for this analyst; it is made now where nothing was."""
        prepared, policies, model = self._remembering, analyst.matcher.policies, analyst.model
        if prepared is not None and prepared.is_of(policies, model):
            return prepared
        return Remembering(policies, model)


class Recorder:
    """An analyser's end: writes down what it decided. One mail at a time."""

    def __init__(self, analyst: Analyst, channel: Channel, deltas: Deltas) -> None:
        self._into: Final = channel.into
        self._tokens: Final = analyst.tokens
        self._clock: Final = analyst.clock
        self._deltas: Final = deltas
        self._remembering: Final = channel.remembering(analyst)
        self._checks: Final = channel.checks(analyst)
        watched = watches_phrases(analyst.config)
        self._texts: Final = Texts(channel.into, analyst.tokens, deltas) if watched else None

    def record(self, analysis: Analysis, question: Question) -> None:
        """Hand on what was decided of a mail, and what was seen of an answer. Never waits, and
        never raises: no mail depends on it."""
        try:
            self._into.send(self._encoded(analysis, question))
        except Exception:  # noqa: BLE001  most of the time: the socket is full
            self._deltas.add(names.HISTORY_DROPPED, "queue")
        if self._texts is not None:
            self._texts.tell(analysis, question.queue_id)
        if self._checks is not None and analysis.edits.recipient:
            self._look(self._checks, analysis, question)

    def _look(self, checks: AnswerChecks, analysis: Analysis, question: Question) -> None:
        try:
            answered = checks.look(analysis, question, self._clock())
            if answered is not None:
                self._into.send(record_of(answered))
        except Exception:  # noqa: BLE001  the socket is full, or the text is too much for us
            self._deltas.add(names.HISTORY_DROPPED, "answer")

    def _encoded(self, analysis: Analysis, question: Question) -> bytes:
        triage, mail, plan = analysis.triage, analysis.mail, analysis.plan
        judged = triage.direction is Direction.INBOUND and not analysis.exempt
        address = (mail.from_address if mail else "") or question.envelope.sender
        shown = dict(analysis.edits.insert)
        mailbox = plan.case.mailbox if plan else None
        why = [f"exempt-{analysis.exempt}"] if analysis.exempt else []
        seen, policies = "", ""
        if judged and triage.seen is not None:
            seen, policies = self._remembering.text(triage.seen), self._remembering.policies.name
            deciding = (one.id for one in triage.why if one.facet not in NOT_WORTH_TELLING)
            why = list(dict.fromkeys(deciding))
        values = (
            self._clock(),
            question.queue_id,
            triage.direction,
            analysis.status,
            mailbox.address if mailbox else "",
            self._tokens.pseudonym("address", address).hex() if address else "",
            triage.skill if judged else "",
            triage.skill_confidence,
            skills_text(tuple((one.name, one.score) for one in triage.skills)),
            triage.priority if judged else "",
            triage.score,
            triage.language,
            triage.tier,
            triage.churn if judged else "",
            triage.mood if judged else "",
            triage.topic if judged else "",
            "" if analysis.exempt else triage.kind,  # nobody has looked who wrote it
            triage.thread,
            shown.get(f"{PREFIX}-Kb", NONE),
            shown.get(f"{PREFIX}-Route", NONE),
            plan.verdict.announced if plan else NONE,
            plan.verdict.rule if plan else "",
            " ".join(why),
            round(analysis.milliseconds, 2),
            policies,
        )
        # What was seen is a line of JSON already.
        return f"{_ENCODER.encode(values)}\n{seen}".encode("ascii")[:LONGEST]
