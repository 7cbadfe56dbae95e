"""Which language the writer writes.

The detector reads the newest text alone: quoted history, an English disclaimer or a signature would
outvote a short mail. "und" is an answer: a wrong language sends the customer text that they cannot
read.
"""

import re
import threading
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mailtriage.mail.model import Mail
from mailtriage.triage.model import Evidence

KNOWN: Final = [
    "sv",
    "en",
    "de",
    "da",
    "no",
    "fi",
    "fr",
    "es",
    "it",
    "nl",
    "pt",
    "pl",
    "cs",
    "sk",
    "sl",
    "hr",
    "et",
    "lv",
    "lt",
    "hu",
    "ro",
    "bg",
    "el",
    "ru",
    "uk",
    "tr",
    "is",
    "ca",
    "eu",
    "sq",
    "ar",
    "he",
    "zh",
    "ja",
    "ko",
    "vi",
    "th",
    "hi",
]
"""ISO 639-1 codes that the detector may answer; more would only add mistakes on short mails."""

UNDETERMINED: Final = "und"

MAX_CHARS: Final = 1000
"""The detector reads 1,000 bytes at most; what follows cannot change its mind."""

MIN_LETTERS: Final = 8
"""Fewer letters than this ("Ok tack!") say too little; the prior decides, or nobody."""

# Addresses, links, order numbers and the like are words of no language.
_NOISE: Final = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\S*\d\S*")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?=[-_,; ]|$)")
_OURS: Final = {"no": "nb", "nn": "nb"}


@dataclass(frozen=True, slots=True)
class Language:
    """A BCP 47 code in lower case, "und" when unsure, and how sure it is, from 0 to 1."""

    code: str = UNDETERMINED
    confidence: float = 0.0
    why: tuple[Evidence, ...] = ()


class _Detector(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]:
        """Codes and scores, best first; may be empty."""


class _Eldc:
    """eldc: n-grams in C, the most accurate detector on customer mail and by far the quickest."""

    def __init__(self) -> None:
        import eldc

        eldc.init()
        self._detector: Final[Any] = eldc.instance()
        self._detector.set_languages(",".join(KNOWN))
        self._detector.set_scores(3)

    def rank(self, text: str) -> list[tuple[str, float]]:
        return list(self._detector.detect_details(text).scores.items())


class _Eld:
    """eld: the same detector in pure Python, for machines that eldc has no wheel for."""

    def __init__(self) -> None:
        from eld import LanguageDetector

        self._detector: Final[Any] = LanguageDetector()
        self._detector.dynamic_lang_subset(KNOWN)

    def rank(self, text: str) -> list[tuple[str, float]]:
        scores = self._detector.detect(text).scores()
        return sorted(scores.items(), key=lambda item: -item[1])[:3]


_detector: _Detector | None = None
_lock: Final = threading.Lock()


def load_detector() -> None:
    """Load the language model (30 MB); done before the workers fork, so that they share it."""
    global _detector  # noqa: PLW0603  one model a process; it holds no state of any mail
    with _lock:
        if _detector is None:
            try:
                _detector = _Eldc()
            except ImportError:
                _detector = _Eld()


def detect(mail: Mail) -> Language:
    """The language of the newest text; the subject and the headers decide only what is close."""
    if _detector is None:
        load_detector()
    assert _detector is not None  # noqa: S101  load_detector has just set it
    prior = header_language(mail)
    text = _NOISE.sub(" ", mail.newest_text[:MAX_CHARS])
    letters = sum(map(len, _LETTERS.findall(text)))
    where = "body"
    if letters < MIN_LETTERS * 3:
        # A one-line mail says more together with its subject.
        text = f"{_NOISE.sub(' ', mail.subject[:200])}. {text}"
        letters = sum(map(len, _LETTERS.findall(text)))
        where = "subject and body"
    if letters < MIN_LETTERS:
        return _from_prior(prior)
    ranked = _detector.rank(text)
    if not ranked:
        return _from_prior(prior)
    best, score = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    code = _OURS.get(best, best)
    gap = (score - second) / score if score > 0 else 0.0
    confidence = _confidence(gap, letters)
    runner_up = _OURS.get(ranked[1][0], ranked[1][0]) if len(ranked) > 1 else ""
    if confidence < 0.6 and prior in (code, runner_up):
        evidence = Evidence("language", "header-language", 0.1, f"header {prior}")
        return Language(prior, min(confidence + 0.1, 0.7), (evidence,))
    if confidence < 0.5:
        return Language(UNDETERMINED, confidence)
    return Language(code, confidence, (Evidence("language", "text", confidence, where),))


def _confidence(gap: float, letters: int) -> float:
    """How sure a relative lead over the runner-up makes, given how much text there was.

    On labelled customer mails a lead above 0.05 was never wrong from 60 letters on; on two-word
    texts one in ten is.
    """
    sure = min(1.0, gap / 0.08)
    enough = min(1.0, letters / 60)
    return round(0.3 + 0.35 * sure + 0.35 * sure * enough, 2)


def header_language(mail: Mail) -> str:
    """What Content-Language, else Accept-Language, says first; empty when they say nothing."""
    for name in ("Content-Language", "Accept-Language"):
        found = _TAG.search(mail.headers.first(name))
        if found:
            code = found.group().lower()
            return _OURS.get(code, code)
    return ""


def _from_prior(prior: str) -> Language:
    if not prior or prior == "en":
        # en-US is what mail programs say when nobody has set anything.
        return Language()
    return Language(prior, 0.5, (Evidence("language", "header-language", 0.5, f"header {prior}"),))
