"""What spam scanners wrote into the header, as far as it forbids an answer (rule D9).

Whoever answers spam writes to people who never wrote, and ends on block lists: so an answer needs
more than that the scanner let the mail pass. A claim can only forbid: "not spam" means nothing.
"""

import re
from typing import Final

from mailtriage.mail.model import Header, Headers

# Fields that say yes or no, and what a yes looks like. Wherever they stand: a spammer may forge the
# "no", but what would he forge the "yes" for?
_VERDICTS: Final = {
    "x-spam-flag": re.compile(r"yes\b|true\b"),
    "x-spam-status": re.compile(r"yes\b"),
    "x-spam": re.compile(r"yes\b|true\b|spam\b"),
    "x-spamd-result": re.compile(r"[^:]{0,80}: true\b"),
    "x-rspamd-action": re.compile(
        r"add[ _]header|rewrite[ _]subject|soft[ _]reject|reject|greylist|quarantine|discard"
    ),
    "x-scl": re.compile(r"[5-9]\b"),
    "x-ms-exchange-organization-scl": re.compile(r"[5-9]\b"),
    "x-barracuda-spam-flag": re.compile(r"yes\b"),
    "x-barracuda-spam-status": re.compile(r"yes\b"),
    "x-dspam-result": re.compile(r"spam\b|black?listed\b|blocklisted\b"),
    "x-crm114-status": re.compile(r"spam\b"),
    "x-bogosity": re.compile(r"spam\b|yes\b"),
}
_SCORES: Final = ("x-spam-status", "x-barracuda-spam-status", "x-spamd-result", "x-spam-score")
_STARS: Final = ("x-spam-level", "x-spam-bar")
_NAMES: Final = frozenset({*_VERDICTS, *_SCORES, *_STARS})

_NUMBER: Final = r"(-?\d{1,6}(?:\.\d{1,6})?)"
_SCORE_AND_THRESHOLD: Final = {
    "x-spam-status": re.compile(
        rf".{{0,200}}?\b(?:score|hits)={_NUMBER}.{{0,200}}?\brequired={_NUMBER}"
    ),
    "x-barracuda-spam-status": re.compile(
        rf".{{0,200}}?\bscore={_NUMBER}.{{0,200}}?\btag_level={_NUMBER}"
    ),
    "x-spamd-result": re.compile(rf"[^\[]{{0,200}}\[{_NUMBER} ?/ ?{_NUMBER}\]"),
    "x-spam-score": re.compile(rf"{_NUMBER} ?/ ?{_NUMBER}"),
}
_PLAIN_SCORE: Final = re.compile(_NUMBER)
_RSPAMD_TAGS_AT: Final = 0.4
"""rspamd writes the threshold of "reject", 15 as shipped; it marks mail as spam from 6 on."""
_USUAL_THRESHOLD: Final = 5.0
"""For a bare number or a row of stars: SpamAssassin's required_score as shipped."""

# What every mail has from its writer on. Milters put their fields above these, or add them below.
_WRITERS: Final = frozenset({
    "from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type",
    "content-transfer-encoding", "reply-to", "in-reply-to", "references",
})  # fmt: skip


def spam_verdict(headers: Headers, own: int, share: float) -> str:
    """The name of what forbids an answer, "spam-flag", "spam-score", ...; empty when nothing does.

    `own`: how many fields from the top are ours; `share`: how much of its scanner's threshold a
    score may reach, 0 to 1. Scores count in those fields and in those that milters added at the end
    of the header: those of others say what others think of their own customers.
    """
    if not headers.has_any(_NAMES):
        return ""
    claims = [(index, header) for index, header in enumerate(headers)
              if header.name.lower() in _NAMES]  # fmt: skip
    for _, header in claims:
        name = header.name.lower()
        verdict = _VERDICTS.get(name)
        if verdict is not None and verdict.match(_value(header)):
            return name.removeprefix("x-")
    last = max(
        (i for i, header in enumerate(headers) if header.name.lower() in _WRITERS), default=0
    )
    ours = [header for index, header in claims if index < own or index > last]
    return "spam-score" if _scores_too_high(ours, share) else ""


def _scores_too_high(ours: list[Header], share: float) -> bool:
    known = [pair for pair in map(_score_and_threshold, ours) if pair]
    if not known:
        known = [(score, _USUAL_THRESHOLD) for score in _bare_scores(ours)]
    return any(score > 0 and score >= share * threshold for score, threshold in known)


def _score_and_threshold(header: Header) -> tuple[float, float] | None:
    name = header.name.lower()
    pattern = _SCORE_AND_THRESHOLD.get(name)
    match = pattern.match(_value(header)) if pattern else None
    if match is None:
        return None
    threshold = float(match[2]) * (_RSPAMD_TAGS_AT if name == "x-spamd-result" else 1)
    return float(match[1]), threshold


def _bare_scores(ours: list[Header]) -> list[float]:
    stars = [_value(header) for header in ours if header.name.lower() in _STARS]
    if stars:
        # Before the number: cPanel writes X-Spam-Score ten times too high.
        return [float(len(row) - len(row.lstrip("*+sx"))) for row in stars]
    numbers = (_PLAIN_SCORE.match(_value(header)) for header in ours
               if header.name.lower() == "x-spam-score")  # fmt: skip
    return [float(match[1]) for match in numbers if match]


def _value(header: Header) -> str:
    return " ".join(header.raw[:1024].decode("latin-1").split()).lower()
