"""Hostile input through the whole pipeline with the shipped policies: read, judge, edit.

Whatever comes in, the analysis ends with tags that can be sent, and the mail behind them is the mail
that came, byte for byte.
"""

import functools
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.demo.embedded import sample_files
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.mail.read import read_message
from mailtriage.service.load import read_everything
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.lint import lint
from mailtriage.tags.model import Edits, Status
from mailtriage.tags.vocabulary import NAMES

REAL_MAILS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mail"


@functools.cache
def analyst() -> Analyst:
    return read_everything(None).analyst()


def analysed(raw: bytes) -> Analysis:
    return analyst().analyse(functools.partial(read_message, raw), header_names(raw))


def assert_harmless(raw: bytes) -> None:
    """The mail could be judged, and nothing but our header fields is added or removed."""
    analysis = analysed(raw)
    assert analysis.status in (Status.OK, Status.UNREAD), analysis.detail
    assert tuple(name for name, _ in analysis.edits.insert) == NAMES
    for name, value in analysis.edits.insert:
        assert lint(name, value) == []
    tagged = apply_edits(raw, analysis.edits)
    untagged = re.sub(rb"^X-Mailtriage[^\n]*\n", b"", tagged, count=len(NAMES), flags=re.MULTILINE)
    # Where a mail has no header at all, an empty line sets ours off from its body.
    assert untagged.lstrip(b"\r\n") == apply_edits(raw, Edits(analysis.edits.delete)).lstrip(
        b"\r\n"
    )


@pytest.mark.parametrize("sample", sample_files(), ids=lambda file: file.stem)
def test_every_sample(sample: Path) -> None:
    assert_harmless(sample.read_bytes())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes(raw: bytes) -> None:
    assert_harmless(raw)


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=2000), st.text(max_size=300), st.sampled_from(["utf-8", "utf-16", "cp1250"])
)
def test_any_words_in_any_script(body: str, subject: str, charset: str) -> None:
    head = f"Subject: {subject}\nContent-Type: text/plain; charset={charset}\n\n"
    assert_harmless(head.encode("utf-8", "replace") + body.encode(charset, "replace"))


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0), st.sampled_from(sample_files()))
def test_damaged_mails(seed: int, sample: Path) -> None:
    assert_harmless(damage(sample.read_bytes(), random.Random(seed)))


def damage(raw: bytes, dice: random.Random) -> bytes:
    """The mail with a few pieces cut out, doubled, swapped for others or overwritten with rubbish."""
    for _ in range(dice.randint(1, 6)):
        start = dice.randrange(len(raw) + 1)
        end = min(len(raw), start + dice.randint(0, 200))
        piece = dice.choice(
            [
                b"",
                raw[start:end] * 3,
                dice.randbytes(20),
                b"\0\r\n\r\n",
                b"=?utf-8?q?=",
                b"--",
                b"<",
            ]
        )
        raw = raw[:start] + piece + raw[end:]
    return raw


@pytest.mark.parametrize(
    "words",
    [
        b"faktura ej betald " * 4000,
        b"a" * 60_000,
        b"! ? . " * 12_000,
        b"refund\n> refund\n-- \n" * 3000,
        "påminnelse räkning återbetalning ".encode() * 2000,
        b"<div>" * 12_000,
    ],
    ids=["phrases", "one word", "sentence ends", "quotes", "accents", "tags"],
)
@pytest.mark.alone
def test_twice_the_text_takes_about_twice_the_time(words: bytes) -> None:
    kind = b"html" if words.startswith(b"<") else b"plain"
    head = b"Content-Type: text/" + kind + b"; charset=utf-8\n\n"
    half, whole = head + words[: len(words) // 4], head + words[: len(words) // 2]
    assert best_of_five(whole) < 6 * best_of_five(half) + 0.005


def best_of_five(raw: bytes) -> float:
    times = []
    for _ in range(5):
        began = time.process_time()
        analysed(raw)
        times.append(time.process_time() - began)
    return min(times)


def test_every_real_mail() -> None:
    files = sorted(REAL_MAILS.glob("*.eml"))
    if not files:
        pytest.skip("the corpus of real mails is not here")
    slowest = 0.0
    for file in files:
        raw = file.read_bytes()
        assert_harmless(raw)
        slowest = max(slowest, analysed(raw).milliseconds)
    # A figure to look at, not to fail on: machines differ. `pytest -s` shows it.
    print(f"slowest of {len(files)} real mails: {slowest:.0f} ms")
