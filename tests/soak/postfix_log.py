"""What Postfix's log says of mails that it passed on without asking the milter."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

_LINE: Final = re.compile(r"/(smtpd|cleanup)\[(\d+)\]: (.*)")
_TROUBLE: Final = re.compile(r"warning: (?:milter |connect to Milter service )")
_QUEUED: Final = re.compile(r"([0-9A-Za-z]+): client=")
_NAMED: Final = re.compile(r"([0-9A-Za-z]+): message-id=<m(\d+)@customer\d+\.example>")


@dataclass(slots=True)
class _Session:
    """Of one smtpd process."""

    broken: bool = False
    """The milter was lost: its default_action holds until the client goes."""
    queue_id: str = ""
    """Of the mail under way, or the one before."""


@dataclass(slots=True)
class MilterTrouble:
    """What was found."""

    warnings: int = 0
    """Times that smtpd or cleanup lost the milter, or that it was not reached."""
    mails: set[int] = field(default_factory=set)
    """Numbers of the mails that may therefore lack tags."""


def trouble(lines: Iterable[str]) -> MilterTrouble:
    """From the lines of the log, in their order.

    Until the mail's content is asked about it is smtpd that speaks to the milter, then it is
    cleanup, which has taken over its socket and logs the Message-ID before. smtpd names no queue id
    when it loses the milter: the mail under way and all that follow in the same session are meant
    (milter8.c: the default action "accept" holds for the connection).
    """
    found = MilterTrouble()
    sessions: dict[str, _Session] = {}
    cleaned: dict[str, str] = {}
    """The queue id that a cleanup process is at."""
    names: dict[str, int] = {}
    hit: set[str] = set()
    for line in lines:
        match = _LINE.search(line)
        if match is None:
            continue
        program, pid, said = match.groups()
        lost = _TROUBLE.match(said) is not None
        found.warnings += lost
        if program == "cleanup":
            if named := _NAMED.match(said):
                cleaned[pid] = named[1]
                names[named[1]] = int(named[2])
            elif lost and pid in cleaned:
                hit.add(cleaned[pid])
            continue
        session = sessions.setdefault(pid, _Session())
        if said.startswith(("connect from ", "disconnect from ")):
            sessions[pid] = _Session()
        elif queued := _QUEUED.match(said):
            session.queue_id = queued[1]
            if session.broken:
                hit.add(queued[1])
        elif lost:
            session.broken = True
            hit.add(session.queue_id)
    found.mails = {names[one] for one in hit if one in names}
    return found


def way(lines: Iterable[str], numbers: Collection[int]) -> list[str]:
    """The sessions in which these mails came."""
    shown: list[str] = []
    sessions: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    wanted: set[str] = set()
    for line in lines:
        match = _LINE.search(line)
        if match is None:
            continue
        program, pid, said = match.groups()
        if program == "cleanup":
            named = _NAMED.match(said)
            if named and int(named[2]) in numbers:
                sessions.setdefault(owner.get(named[1], ""), []).append(line.strip())
                wanted.add(owner.get(named[1], ""))
            continue
        if queued := _QUEUED.match(said):
            owner[queued[1]] = pid
        sessions.setdefault(pid, []).append(line.strip())
        if said.startswith("disconnect from "):
            session = sessions.pop(pid)
            if pid in wanted:
                wanted.remove(pid)
                shown += [*session, ""]
    return shown
