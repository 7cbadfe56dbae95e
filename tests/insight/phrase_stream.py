"""A stream of short customer questions in which, at some moment, a topic appears that never was there.

The questions are those of BANKING77 (../shared/data; CC BY 4.0), whose 77 topics share most of their
words: a hard case. One topic is held out, and then mixed in.
"""

import gzip
import hashlib
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.insight.phrases import WINDOW, Watch

QUESTIONS: Final = (
    Path(__file__).resolve().parents[2].parent / "shared" / "data" / "banking77_train.tsv.gz"
)
KNOWN: Final = 3000
QUIET: Final = 1500
"""Mails without anything new, in which every finding is false."""
MIXED: Final = 1500

_ENDINGS: Final = ("ing", "ed", "es", "s", "e")


@dataclass(frozen=True)
class Stream:
    """What was found in one stream."""

    false: tuple[tuple[str, ...], ...]
    found_after: int | None
    """Mails of the new topic until the first finding."""
    phrases: tuple[str, ...]


def questions() -> dict[str, list[str]]:
    """By topic, in the order of the file."""
    topics: dict[str, list[str]] = defaultdict(list)
    with gzip.open(QUESTIONS, "rt", encoding="utf-8") as lines:
        for line in lines:
            topic, text = line.rstrip("\n").split("\t", 1)
            topics[topic].append(text)
    return dict(topics)


def stem(word: str) -> str:
    """English endings, cut off: a stemmer small enough for a test."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) >= len(ending) + 3:
            return word.removesuffix(ending)
    return word


def stream(topics: dict[str, list[str]], new: str, share: float, seed: int) -> Stream:
    """`share` of the mails are about `new`, once it begins; every mail has another writer."""
    chance = random.Random(seed)
    others = sorted(set(topics) - {new})
    weights = [chance.gammavariate(0.8, 1) for _ in others]
    watch, number = Watch("en", stem), 0

    def push(text: str) -> None:
        nonlocal number
        number += 1
        writer = hashlib.blake2b(b"%d" % chance.randrange(10**6), digest_size=8).digest()
        watch.add(text, number, writer, f"Q{number}")

    def ordinary() -> str:
        return chance.choice(topics[chance.choices(others, weights)[0]])

    for _ in range(KNOWN + WINDOW):
        push(ordinary())
    false = []
    for index in range(QUIET):
        push(ordinary())
        if index % 10 == 0:
            false += [each.phrases for each in watch.scan(number)]
    texts = chance.sample(topics[new], len(topics[new]))
    begun = len(texts)
    for index in range(MIXED):
        push(texts.pop() if texts and chance.random() < share else ordinary())
        if index % 5 == 0 and (found := watch.scan(number)):
            return Stream(tuple(false), begun - len(texts), found[0].phrases)
    return Stream(tuple(false), None, ())
