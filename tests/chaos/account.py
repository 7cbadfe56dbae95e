"""The account of a run: what was counted, what must hold, and the evidence where it does not."""

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import dropwhile
from typing import Final

from mailtriage.acks.tokens import Tokens
from mailtriage.state.outbox import key_text
from tests.chaos.letters import Letter, Posting
from tests.chaos.place import Left, database, outbox_counts
from tests.support.mails import TAG_NAMES, ours
from tests.support.sink import Delivery
from tests.support.site import HELP, Site

_TRACE: Final = frozenset({"return-path", "received", "dkim-signature"})
"""Fields that every server on the way puts on top (RFC 5321 section 4.4, RFC 6376 section 5.6)."""

_SHOWN: Final = 5
"""Mails whose way is shown for each thing that is wrong."""

_LINES: Final = 14
"""Lines of each log about each."""

_WIDTH: Final = 240

UNTAGGED: Final = "  untagged: passed while no milter was there"
PARTLY: Final = "  partly tagged: the milter was killed meanwhile"
MIXED: Final = "  with tags of somebody else, or out of order"
_OTHERS: Final = frozenset({UNTAGGED, PARTLY, MIXED})
ACCEPTED: Final = "accepted by Postfix"
SECONDS: Final = "seconds"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    what: str
    figure: int
    most: int | None = None
    """What it may be at most; None: it is only told."""
    letters: tuple[Letter, ...] = ()
    """Those that are to blame."""

    @property
    def failed(self) -> bool:
        """Whether that must not be."""
        return self.most is not None and self.figure > self.most


@dataclass(frozen=True, slots=True)
class Account:
    """All of a run."""

    checks: tuple[Check, ...]
    kills: Mapping[str, int]
    evidence: str = ""

    @property
    def failures(self) -> list[str]:
        """What must not be; empty when all is well."""
        return [f"{one.what}: {one.figure}" for one in self.checks if one.failed]

    def figure(self, what: str) -> int:
        """One line of it."""
        return next(one.figure for one in self.checks if one.what == what)

    def table(self) -> str:
        """For a terminal."""
        width = max(len(one.what) for one in self.checks)
        lines = [f"{'':{width}}  figure  at most"]
        for one in self.checks:
            limit = "" if one.most is None else str(one.most)
            verdict = "WRONG" if one.failed else ""
            lines.append(f"{one.what:{width}}  {one.figure:6}  {limit:>7}  {verdict}".rstrip())
        return "\n".join(lines)


def draw_up(
    site: Site, postings: Sequence[Posting], kills: Mapping[str, int], rest: Left, seconds: float
) -> Account:
    """Count everything; call it when nothing is under way any more."""
    accepted = [one.letter for one in postings if one.verdict == "accepted"]
    refused = [one.letter for one in postings if one.verdict == "refused"]
    unsettled = [one.letter for one in postings if one.verdict == "unsettled"]
    wrongly = [one for one in accepted if one.refused] + [one for one in refused if not one.refused]
    acks = _by_recipient(site.acks())
    copies = _by_message_id(site.world.to(HELP))
    unacked = [one for one in accepted if not acks[one.sender]]
    acked = [one for one in refused if acks[one.sender]]
    twice = [one for one in accepted if len(acks[one.sender]) > 1]
    unlike = [one for one in twice if len({below_trace(ack) for ack in acks[one.sender]}) > 1]
    claims = _claims(site)
    unexplained = [
        one for one in twice if len(acks[one.sender]) > claims.get(_key(site.tokens, one), 0)
    ]
    undelivered = [one for one in accepted if not copies[one.message_id]]
    changed = [one for one in accepted if _is_changed(one, copies[one.message_id])]
    tags = Counter(tagging(copy) for one in accepted for copy in copies[one.message_id])
    mixed = [
        one for one in accepted if any(tagging(copy) == MIXED for copy in copies[one.message_id])
    ]
    outbox = outbox_counts(site)
    stuck = sum(number for state, number in outbox.items() if state != "SENT")

    def of(what: str, found: list[Letter], most: int | None = None) -> Check:
        return Check(what, len(found), most, tuple(found))

    checks = (
        of(ACCEPTED, accepted),
        of("refused by the other milter", refused),
        of("neither in the time there was", unsettled, 0),
        of("accepted although marked, or refused although not", wrongly, 0),
        of("accepted without acknowledgement", unacked, 0),
        of("refused and yet acknowledged", acked, 0),
        Check(
            "acknowledgements too many",
            sum(len(acks[one.sender]) - 1 for one in twice),
            # The one that was handed in and not yet marked when the worker was killed (RFC 1047).
            kills.get("acks", 0),
            tuple(twice),
        ),
        of("of these not explained by a sender that died", unexplained, 0),
        of("of these unlike the first", unlike, 0),
        of("accepted and not at the helpdesk", undelivered, 0),
        of("changed on the way there", changed, 0),
        Check("copies at the helpdesk", tags.total()),
        *(Check(f"  tagged, status {name}", tags[name]) for name in sorted(tags.keys() - _OTHERS)),
        Check(UNTAGGED, tags[UNTAGGED]),
        Check(PARTLY, tags[PARTLY]),
        of(MIXED, mixed, 0),
        Check("mails left in Postfix's queue", rest.queued, 0),
        Check("acknowledgements owed still", rest.owed, 0),
        Check("rows of the outbox that are not SENT", stuck, 0),
        Check("complaints of SQLite's integrity_check", _complaints(site), 0),
        *(Check(f"kills: {role}", number) for role, number in sorted(kills.items())),
        Check("replies that clients lost", sum(one.lost for one in postings)),
        Check("times that clients tried again", sum(one.tries - 1 for one in postings)),
        Check(SECONDS, round(seconds)),
    )
    wrong = [one for one in checks if one.failed]
    evidence = "\n".join(_evidence(site, one, postings) for one in wrong)
    return Account(checks, dict(kills), evidence)


def below_trace(delivery: Delivery) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """The header and the body as we submitted them, without what was put on top since."""
    fields = dropwhile(lambda field: field[0].lower() in _TRACE, delivery.header)
    return tuple(fields), delivery.content.partition(b"\r\n\r\n")[2]


def tagging(copy: Delivery) -> str:
    """The status of a mail with all its tags; else UNTAGGED, PARTLY or MIXED."""
    tags = ours(copy.header)
    names = [name for name, _ in tags]
    if names != list(TAG_NAMES[: len(names)]):
        return MIXED
    if not names:
        return UNTAGGED
    return dict(tags)["X-Mailtriage-Status"] if len(names) == len(TAG_NAMES) else PARTLY


def _by_recipient(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    found: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        for recipient in delivery.recipients:
            found[recipient].append(delivery)
    return found


def _by_message_id(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    found: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        for name, value in delivery.header:
            if name.lower() == "message-id":
                found[value].append(delivery)
    return found


def _is_changed(letter: Letter, copies: Iterable[Delivery]) -> bool:
    sent = letter.content.replace(b"\n", b"\r\n")
    return any(not copy.content.endswith(sent) for copy in copies)


def _complaints(site: Site) -> int:
    with closing(sqlite3.connect(database(site))) as connection:
        said = connection.execute("PRAGMA integrity_check").fetchall()
    return len([line for (line,) in said if line != "ok"])


def _claims(site: Site) -> dict[bytes, int]:
    """How often each acknowledgement was taken to be sent; nothing here is ever refused, so that
    all but the first time were for a sender that died."""
    with closing(sqlite3.connect(database(site))) as connection:
        return dict(connection.execute("SELECT key, attempts FROM outbox").fetchall())


def _evidence(site: Site, check: Check, postings: Sequence[Posting]) -> str:
    """The way of a few of the mails that a check is about, by both logs."""
    shown = {letter.number for letter in check.letters[:_SHOWN]}
    lines = [f"--- {check.what}: {check.figure}"]
    for posting in postings:
        if posting.letter.number in shown:
            lines += _way(site, posting)
    return "\n".join(lines)


def _way(site: Site, posting: Posting) -> list[str]:
    letter = posting.letter
    mail_log = site.postfix.log().splitlines()
    # Of the attempts whose answer was lost the client knows no queue id.
    own = re.compile(rf" ([0-9A-Za-z]+): message-id={re.escape(letter.message_id)}$")
    queue_ids = {found[1] for line in mail_log if (found := own.search(line))}
    key = key_text(_key(site.tokens, letter))
    told = [line for line in mail_log if any(f" {one}: " in line for one in queue_ids)]
    told += [line for line in mail_log if letter.sender in line and line not in told]
    said = [
        line
        for line in site.service.log().splitlines()
        if key in line or any(one in line for one in queue_ids)
    ]
    return [
        f"mail {letter.number} by {letter.door}: {posting.verdict}, {posting.tries} tries, key {key}",
        *(f"    {line[:_WIDTH]}" for line in (*told[:_LINES], *said[:_LINES])),
    ]


def _key(tokens: Tokens, letter: Letter) -> bytes:
    return tokens.dedupe_key(HELP, letter.sender, letter.message_id.encode())
