"""The detectors that language.py asks: eldc, and eld where it has no wheel.

Both are one method: n-grams of a text against tables of sixty languages. eldc measured best and
quickest of eleven detectors on customer mail; it reads the first 1000 bytes.
"""

from typing import Any, Final, Protocol

KNOWN: Final = (
    "sv,en,de,da,no,fi,fr,es,it,nl,pt,pl,cs,sk,sl,hr,et,lv,lt,hu,ro,bg,el,ru,uk,tr,is,ca,eu,sq,"
    "ar,he,zh,ja,ko,vi,th,hi"
)
"""ISO 639-1 codes that the detector may answer; more would only add mistakes on short mails."""

_OURS: Final = {"no": "nb", "nn": "nb"}
_SMALLER: Final = 2.0
"""What the scores of eld must be stretched by to be read like those of eldc."""
_BEST: Final = 8
"""Candidates that are asked for; all others count as far behind."""


def our_code(code: str) -> str:
    """An ISO 639-1 code as mailtriage writes it: both Norwegian standards are nb."""
    return _OURS.get(code, code)


class Detector(Protocol):
    """What any of them does."""

    sharpness: float
    """What a relative lead of 1 is worth on a text of one character, in logarithms of the odds.

    It grows with the root of the length.
    """

    def rank(self, text: str) -> list[tuple[str, float]]:
        """Codes of ours and scores above 0, best first; may be empty.

        A perfect fit scores about 1.
        """


class Eldc:
    """eldc: n-grams in C, 4 µs a mail."""

    sharpness: float = 9.0

    def __init__(self) -> None:
        """Load the tables (30 MB). Raises ImportError where there is no wheel."""
        import eldc

        eldc.init()
        self._detector: Final[Any] = eldc.instance()
        self._detector.set_languages(KNOWN)
        self._detector.set_scores(_BEST)

    def rank(self, text: str) -> list[tuple[str, float]]:
        """As the protocol says."""
        scores = self._detector.detect_details(text).scores
        return [(_OURS.get(code, code), score) for code, score in scores.items()]


class Eld:
    """eld: the same in pure Python, some 250 µs a mail, with smaller tables."""

    sharpness: float = 3.0

    def __init__(self) -> None:
        """Load the tables (50 MB). Raises ImportError when it is not installed."""
        from eld import LanguageDetector

        self._detector: Final[Any] = LanguageDetector()
        self._detector.dynamic_lang_subset(KNOWN.split(","))

    def rank(self, text: str) -> list[tuple[str, float]]:
        """As the protocol says."""
        scores = self._detector.detect(text).scores()
        best = sorted(scores.items(), key=lambda item: -item[1])[:_BEST]
        return [(our_code(code), score * _SMALLER) for code, score in best if score > 0]


def best_detector() -> Detector:
    """eldc, or eld where eldc is not installed."""
    try:
        return Eldc()
    except ImportError:
        return Eld()
