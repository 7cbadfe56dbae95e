"""The tests that stand in policy files: a mail in short, and what must come out of it."""

import mimetypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailtriage.mail.model import Attachment, Envelope, Header, Headers, Mail
from mailtriage.policies.model import Policies, PolicyTest
from mailtriage.triage.model import Triage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test."""

    test: PolicyTest
    failures: tuple[str, ...]
    """One sentence for each expectation that was not met; empty when the test passed."""
    signals: frozenset[str]
    """Ids of the signals that hit."""


def mail_of(test: PolicyTest) -> Mail:
    """The mail that a test describes, as if it had been read from the wire."""
    sender = test.sender or "customer@example.com"
    fields = [Header("From", sender.encode()), Header("Subject", test.subject.encode())]
    fields += [Header(name, value.encode()) for name, value in test.headers]
    headers = Headers(fields)
    return Mail(
        headers=headers,
        envelope=Envelope(sender, (test.recipient or "help@desk.example",)),
        subject=test.subject,
        from_address=sender.lower(),
        references=(*headers.first("References").split(), *headers.first("In-Reply-To").split()),
        text=test.body,
        newest_text=test.body.strip(),
        attachments=tuple(Attachment(name, _media_type(name), 1) for name in test.attachments),
    )


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def run_test(test: PolicyTest, judge: Callable[[PolicyTest], Triage]) -> Outcome:
    """Judge the mail of one test and compare."""
    triage = judge(test)
    signals = frozenset(entry.id for entry in triage.why)
    failures: list[str] = []
    for key, wanted in test.expect.items():
        failures += _compare(key, wanted, triage, signals)
    return Outcome(test, tuple(failures), signals)


def _compare(key: str, wanted: Sequence[str], triage: Triage, signals: frozenset[str]) -> list[str]:
    match key:
        case "signals":
            return [f"signal {name} did not hit" for name in wanted if name not in signals]
        case "not_signals":
            return [f"signal {name} hit" for name in wanted if name in signals]
        case "skills":
            found = [entry.name for entry in triage.skills]
            return [
                f"skill {name} is not among {_list(found)}" for name in wanted if name not in found
            ]
        case "not_skill":
            return [f"the skill is {triage.skill}"] if triage.skill in wanted else []
        case _:
            value = str(getattr(triage, key))
            hint = f" (skills: {_scores(triage)})" if key in ("skill", "topic") else ""
            return [
                f"expected {key} {name}, found {value}{hint}" for name in wanted if name != value
            ]


def _scores(triage: Triage) -> str:
    return _list(f"{entry.name} {entry.score:g}" for entry in triage.skills)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def untested_signals(policies: Policies, outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """(file, id) of every signal that hit in no test."""
    hit = {name for outcome in outcomes for name in outcome.signals}
    return [
        (policy.file, signal.id)
        for policy in policies.all()
        for signal in policy.signals
        if signal.id not in hit
    ]
