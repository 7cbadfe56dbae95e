"""`python -m tests.bench.matchers`: ways to find the shipped phrases in mails never seen before.

Prints, for the phrases of the mail's language and for those of all twelve, the time to compile and
the mean time a mail, each mail scanned once. Engines that are not installed are left out: `pip
install hyperscan google-re2` shows them.
"""

import importlib.util
import re
import time
from collections.abc import Callable, Iterable

import regex

from mailtriage.mail.read import read_message
from mailtriage.policies.fold import fold, squeeze
from mailtriage.policies.load import load_policies
from mailtriage.policies.phrases import ANY, Phrase, PhraseIndex, Role, compile_phrase
from mailtriage.shipped import shipped_directory
from tests.bench import corpus

MAILS = 200
Scan = Callable[[bytes], object]


def main() -> None:
    """Compile and time each engine in turn."""
    texts = [text_of(letter.data) for letter in corpus.small(2 * MAILS)]
    seen, unseen = texts[:MAILS], texts[MAILS:]
    for name, literals in (("en", literals_of({"en", ANY})), ("all twelve", literals_of(None))):
        print(
            f"\n{len(literals)} literals, {name}; mean text {sum(map(len, unseen)) // MAILS} bytes"
        )
        for engine, build in ENGINES.items():
            if engine in OPTIONAL and importlib.util.find_spec(OPTIONAL[engine]) is None:
                continue
            if len(literals) > 5000 and engine in TOO_SLOW_FOR_MANY:
                continue
            began = time.perf_counter()
            scan = build(literals)
            compiled = time.perf_counter() - began
            first, later = mean_us(scan, seen), mean_us(scan, unseen)
            print(
                f"  {engine:24} compile {compiled * 1000:8.0f} ms  first mails {first:8.1f} us  unseen {later:8.1f} us"
            )


def text_of(raw: bytes) -> bytes:
    """A mail's newest text, folded."""
    return b" %b " % fold(squeeze(read_message(raw).newest_text))


def literals_of(languages: set[str] | None) -> list[bytes]:
    """The folded phrases of these languages (None: all), each once."""
    policies, _ = load_policies([shipped_directory("policies")])
    phrases: Iterable[str] = (
        phrase
        for policy in policies.all()
        for signal in policy.signals
        for language, listed in signal.words.items()
        if languages is None or language in languages
        for phrase in listed
    )
    return sorted({literal for phrase in phrases for literal, _ in compile_phrase(phrase)})


def mean_us(scan: Scan, texts: list[bytes]) -> float:
    """Microseconds a text, each scanned once."""
    began = time.perf_counter()
    for text in texts:
        scan(text)
    return (time.perf_counter() - began) / len(texts) * 1e6


def ours(literals: list[bytes]) -> Scan:
    """The phrase index: one Aho-Corasick automaton."""
    words = (literal.strip().decode("latin-1") for literal in literals)
    index = PhraseIndex(Phrase(0, ANY, Role.WORDS, word) for word in words)
    return lambda text: list(index.find(text, ANY))


def one_alternation(literals: list[bytes]) -> Scan:
    """`re`, all phrases in one pattern; finds no overlapping ones."""
    return re.compile(b"|".join(map(re.escape, literals))).findall


def separate_patterns(literals: list[bytes]) -> Scan:
    """`regex`, one pattern a phrase."""
    patterns = [regex.compile(regex.escape(literal, literal_spaces=True)) for literal in literals]
    return lambda text: [pattern for pattern in patterns if pattern.search(text)]


def hyperscan(literals: list[bytes]) -> Scan:
    """Hyperscan on literals; it calls back for each hit, and takes the interpreter each time."""
    import hyperscan as hs

    database = hs.Database()
    count = len(literals)
    database.compile(
        expressions=literals,
        ids=list(range(count)),
        elements=count,
        flags=[0] * count,
        literal=True,
    )
    hits: list[tuple[int, int]] = []
    return lambda text: database.scan(
        text, match_event_handler=lambda number, _start, end, *_: hits.append((number, end))
    )


def re2_set(literals: list[bytes]) -> Scan:
    """google-re2's Set: which phrases, not where."""
    import re2

    options = re2.Options()
    options.max_mem = 512 << 20
    chosen = re2.Set.SearchSet(options)
    for literal in literals:
        chosen.Add(re2.escape(literal.decode("latin-1")))
    chosen.Compile()
    return lambda text: chosen.Match(text.decode("latin-1"))


ENGINES: dict[str, Callable[[list[bytes]], Scan]] = {
    "this project's index": ours,
    "hyperscan, literals": hyperscan,
    "google-re2 Set": re2_set,
    "re, one alternation": one_alternation,
    "regex, one a phrase": separate_patterns,
}
OPTIONAL = {"hyperscan, literals": "hyperscan", "google-re2 Set": "re2"}
TOO_SLOW_FOR_MANY = {"re, one alternation", "regex, one a phrase"}


if __name__ == "__main__":
    main()
