"""Floors on labelled mails; they are no part of the project, and without them nothing is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailtriage.mail.model import Envelope, Mail
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.shipped import shipped_directory
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.judge import triage
from mailtriage.triage.language import detect

GOLD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gold"

pytestmark = pytest.mark.skipif(not GOLD.is_dir(), reason=f"no labelled mails in {GOLD}")


@pytest.fixture(scope="module")
def labels() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLD / "gold.jsonl").read_text("utf-8").splitlines()]


def stored(file: str) -> Mail:
    """The mail as it came: its envelope stands in Return-Path and Delivered-To."""
    raw = (GOLD / file).read_bytes()
    headers = read_message(raw).headers
    sender = headers.first("Return-Path").strip(" <>")
    return read_message(raw, envelope=Envelope(sender, (headers.first("Delivered-To"),)))


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def test_language_of_what_the_writer_wrote(labels: list[dict[str, Any]]) -> None:
    found = [detect(Mail(newest_text=label["newest_text"])).code for label in labels]
    wrong = [
        (label["id"], label["language"], code)
        for label, code in zip(labels, found, strict=True)
        if code != label["language"]
    ]
    assert len(wrong) <= 0.03 * len(labels), wrong


def test_kind_and_language_of_whole_mails(labels: list[dict[str, Any]]) -> None:
    matcher = Matcher(load_policies([shipped_directory("policies")])[0])
    found = [triage(stored(label["file"]), matcher, FixedCustomers({})) for label in labels]
    pairs = list(zip(labels, found, strict=True))
    assert share([label["kind"] == result.kind for label, result in pairs]) >= 0.90
    assert share([label["language"] == result.language for label, result in pairs]) >= 0.97
    humans = [result.kind for label, result in pairs if label["kind"] == "human"]
    # A customer who is taken for a robot gets no answer: worse than the other way round.
    assert share([kind == "human" for kind in humans]) >= 0.98
