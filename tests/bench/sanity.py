"""Before anything is timed: does each milter do the job that it is compared for?"""

from pathlib import Path
from typing import Final

from tests.bench.corpus import Letter, small
from tests.bench.load import LoadError
from tests.bench.protocol import MilterSession, Verdict, prepare
from tests.bench.rspamd import HEADERS

_FORGED: Final = (
    b"X-Mailtriage-Priority: low\r\nx-mailtriage-SKILL: sales\r\nX-Mailtriage-Priority: low\r\n"
)


def check(name: str, path: Path) -> None:
    """Hands a mail with forged headers to a milter on its socket; raises LoadError if it does not
    take them out and put all of its own in, or, for the no-op, if it does anything at all.
    """
    letter = small(1)[0]
    session = MilterSession(path)
    # The second mail of a session must fare as the first does.
    for _ in range(2):
        verdict = session.deliver(prepare(Letter(letter.sender, _FORGED + letter.data)))
        _judge(name, verdict)
    session.quit()


def _judge(name: str, verdict: Verdict) -> None:
    added = sorted(field for field, _ in verdict.added)
    deleted = sorted((field.lower(), index) for field, index in verdict.deleted)
    if name == "noop":
        if added or deleted:
            raise LoadError("the no-op milter changed a mail")
        return
    if added != sorted(HEADERS):
        raise LoadError(
            f"{name} adds {', '.join(added) or 'nothing'}; wanted: {', '.join(sorted(HEADERS))}"
        )
    forged = [("x-mailtriage-priority", 1), ("x-mailtriage-priority", 2), ("x-mailtriage-skill", 1)]
    if deleted != forged:
        raise LoadError(f"{name} takes out {deleted}; wanted: {forged}")
    if verdict.degraded:
        raise LoadError(f"{name} did not analyse the mail: {verdict.added}")
