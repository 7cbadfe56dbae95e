"""A customer says "solved", as our update asked them to."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.acks.seal import Facts, read_seal, write_seal
from mailtriage.acks.settled import says_settled
from mailtriage.acks.tokens import Tokens
from mailtriage.mail.model import Mail
from mailtriage.shipped import shipped_directory

ACKS = shipped_directory("policies") / "acks"
QUOTED = re.compile(r"[“„«”»](\w{3,20})[“”»]")


def mail_of(text: str) -> Mail:
    return Mail(text=text, newest_text=text)


@pytest.mark.parametrize("file", sorted(ACKS.glob("*.toml")), ids=lambda file: file.stem)
def test_the_word_that_each_language_asks_for_is_understood(file: Path) -> None:
    update = file.read_text(encoding="utf-8").partition("[update]")[2].partition("[survey]")[0]
    (word,) = QUOTED.findall(update)
    for said in (
        word,
        word.capitalize(),
        f"{word.upper()}!",
        f"„{word}“.",
        f"Hello,\n\n{word}\n\nJo",
    ):
        assert says_settled(mail_of(said)), said


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Not solved!",
        "noch nicht erledigt",
        "Is it solved?",
        "Solved? No, it is worse than before, nobody called me back.",
        "Solved\n\n" + "But there is something else that I need to ask you. " * 3,
        "thanks",
    ],
)
def test_what_says_more_or_something_else_is_read_by_people(said: str) -> None:
    assert not says_settled(mail_of(said))


def test_the_seal_carries_it_to_the_desk() -> None:
    tokens, key = Tokens(bytes(32)), bytes(16)
    said = Facts(
        mailbox="a" * 13,
        rule="",
        source="sender",
        generic="",
        repeat_subject=True,
        short=True,
        confidence=90,
        client="192.0.2.1",
        at=1_800_000_000,
    )
    for facts in (said, replace(said, settled=True), replace(said, settled=True, passage=0)):
        seal = write_seal(tokens, key, [("X-Mailtriage", "v=1")], facts)
        assert read_seal(tokens, key, [("X-Mailtriage", "v=1")], seal) == facts
