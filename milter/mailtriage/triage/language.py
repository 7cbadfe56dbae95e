"""Which language the writer writes.

The detector reads the newest text alone: quoted history, an English disclaimer or a signature would
outvote a short mail. Where its answer is not clear, an arbiter that knows the neighbours is asked
(language_nearby.py), and a text of several languages is read piece by piece (language_pieces.py).
Headers, mailbox and conversation break ties and nothing else. "und" is an answer: a wrong language
sends the customer text that they cannot read.
"""

import math
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtriage.mail.model import Mail
from mailtriage.shipped import shipped_directory
from mailtriage.triage.language_detectors import KNOWN, Detector, best_detector, our_code
from mailtriage.triage.language_evidence import Leader, Said, evidence, leader
from mailtriage.triage.language_nearby import Nearby
from mailtriage.triage.language_pieces import by_pieces, down_to_closing, own_words
from mailtriage.triage.language_priors import header_language, hints
from mailtriage.triage.language_script import by_script
from mailtriage.triage.model import Evidence

__all__ = ["KNOWN", "UNDETERMINED", "Language", "detect", "header_language", "load_detector"]

UNDETERMINED: Final = "und"

MAX_CHARS: Final = 600
"""Characters of the text that are read; what follows does not change the detector's mind."""

MIN_LETTERS: Final = 4
"""Fewer letters than this say nothing; the prior decides, or nobody."""

FEW_LETTERS: Final = 24
"""A text of fewer letters is read together with the subject."""

SURE: Final = 0.4
"""Below this confidence the answer is "und"."""

TIE: Final = 1.5
"""A language that is behind by less than this (in logarithms of the odds) may win by a prior."""

_SCRIPT: Final = 0.97
"""How sure an alphabet makes."""

_MIXED: Final = 60
"""From so many letters on, a text may be in two languages and still be in one for the most part."""

_UNIT: Final = 4.0
_STRANGE_BELOW: Final = 40
_STRANGE: Final = 0.3
# What marks an address, a link or an order number: words of no language.
_NOISE: Final = re.compile(r"[\d@/\\]|www\.")
_UNSET: Final = "en"
"""en-US is what mail programs say when nobody has set anything: no prior on its own."""
_REPLY: Final = re.compile(
    r"(?:re|sv|vs|aw|antw|odp|res|rif|tr|fw|fwd|wg|doorst|vl)\s?:", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Language:
    """A BCP 47 code in lower case, "und" when unsure, and how sure it is, from 0 to 1.

    The confidence is the probability that the code is right.
    """

    code: str = UNDETERMINED
    confidence: float = 0.0
    why: tuple[Evidence, ...] = ()


UNKNOWN: Final = Language()

_models: tuple[Detector, Nearby] | None = None
_lock: Final = threading.Lock()


def load_detector() -> None:
    """Load the language models (35 MB); done before the workers fork, so that they share them.

    Raises FileNotFoundError and ValueError when the shipped arbiter is missing or broken.
    """
    global _models  # noqa: PLW0603  one pair a process; they hold no state of any mail
    with _lock:
        if _models is None:
            _models = (best_detector(), Nearby(shipped_directory("policies") / "languages"))


def detect(mail: Mail, text: str | None = None, *, prior: Sequence[str] = ()) -> Language:
    """The language of the newest text, or of `text`.

    prior: codes that the mailbox, the conversation or the customer's earlier mail suggest, the
    likeliest first. Like the headers they only decide what is close, or what has no words.
    """
    if text is None:
        text = mail.newest_text
    if _models is None:
        load_detector()
    assert _models is not None  # noqa: S101  load_detector has just set it
    detector, nearby = _models
    text = text[:MAX_CHARS]
    script = by_script(text) if not text.isascii() else ""
    if script:
        return _from_script(script)
    body, closings = down_to_closing(own_words(text))
    words = _words(body)
    letters = sum(map(len, words))
    where = "body"
    said = evidence(words, detector, nearby) if letters >= MIN_LETTERS else Said({})
    if letters < FEW_LETTERS:
        subject = _words(_REPLY.sub("", mail.subject[:200]))
        where = "subject and body"
        share = 0.4 if _REPLY.match(mail.subject) and said.odds else 1.0
        if sum(map(len, subject)) >= MIN_LETTERS:
            letters += sum(map(len, subject))
            _add(said, evidence(subject, detector, nearby), share)
    found = said.odds
    for code in closings:
        if found:
            found[code] = found.get(code, min(found.values()) - 3) + 3
    if not found:
        return _from_prior((header_language(mail), *prior))
    best = leader(found)
    if letters >= _MIXED:
        best = by_pieces(
            body, best, closings, lambda piece: evidence(_words(piece), detector, None).odds
        )
    sure = confidence(best.lead, said.fit, letters)
    return _answer(mail, best, sure, found, where, prior)


def _add(said: Said, more: Said, share: float) -> None:
    """Add what another text says; who is missing there is as far behind as the last that is not."""
    said.fit = max(said.fit, more.fit)
    if not more.odds:
        return
    last = min(more.odds.values())
    last_found = min(said.odds.values(), default=0.0)
    for code in {**said.odds, **more.odds}:
        said.odds[code] = said.odds.get(code, last_found) + share * more.odds.get(code, last)


def _answer(
    mail: Mail,
    best: Leader,
    sure: float,
    found: dict[str, float],
    where: str,
    prior: Sequence[str],
) -> Language:
    if best.lead < TIE:
        for code, weight, why in hints(mail, prior):
            behind = found.get(best.code, 0.0) - found.get(code, -math.inf)
            if behind < TIE * weight and (code == best.code or code != _UNSET):
                evidence_ = Evidence("language", "header-language", 0.1, why)
                return Language(code, round(max(SURE, min(sure + 0.1, 0.7)), 2), (evidence_,))
    if sure < SURE:
        return Language(UNDETERMINED, sure)
    return Language(best.code, sure, (Evidence("language", "text", sure, where),))


def confidence(lead: float, fit: float, letters: int) -> float:
    """The probability that the leading language is the right one, rounded to hundredths.

    lead: over the next language, in logarithms of the odds. fit: `Said.fit`. A short text that
    looks like no language ("Galaxy Tab Pro") leaves little, however clear the lead is.

    Measured on six labelled sets (sentences, word pairs, social, xsid, noisy and whole mails), each
    in two halves: the expected calibration error is at most 0.02 on every half; of the forms tried,
    the best on the first halves reached 0.016 on the second. `python -m tests.accuracy.language`
    prints it.
    """
    sure = 0.45 + 0.545 * (1 - math.exp(-max(0.0, lead) / _UNIT))
    if letters < _STRANGE_BELOW:
        sure = min(sure, 0.3 + fit if fit >= _STRANGE else fit)
    return round(sure, 2)


def _from_script(code: str) -> Language:
    if code == UNDETERMINED:
        return Language()
    return Language(code, _SCRIPT, (Evidence("language", "script", _SCRIPT, "body"),))


def _words(text: str) -> list[str]:
    """The words of a text without addresses, links, order numbers and the like."""
    words = text.split()
    if _NOISE.search(text):
        words = [word for word in words if word.isalpha() or not _NOISE.search(word)]
    if len(words) < 12:
        words = [word for word in words if any(map(str.isalpha, word))]
    return words


def _from_prior(priors: Sequence[str]) -> Language:
    for code in priors:
        if code and code != _UNSET:
            why = Evidence("language", "header-language", SURE, f"header {code}")
            return Language(our_code(code), SURE, (why,))
    return Language()
