"""Folding: one byte for each character, without case and accent."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.policies.fold import PARAGRAPH, fold, spellings, squeeze


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Faktura 42", b"faktura 42"),
        ("ÅÄÖ åäö", b"aao aao"),
        ("Kündigung", b"kundigung"),
        ("smørrebrød Æble", b"smorrebrod able"),
        ("straße STRASSE", b"strase strasse"),
        ("łódź ŁÓDŹ", b"lodz lodz"),
        ("œuvre ça", b"ouvre ca"),
        ("½ ²", b"1 2"),
        ("l'eau l’eau l`eau l´eau lʼeau", b"l eau l eau l eau l eau l eau"),
        ("e-mail e‑mail e–mail", b"e mail e mail e mail"),
        ("snake_case", b"snake case"),
        ("(faktura)!", b" faktura  "),
        ("a\tb\nc\0d", b"a b c d"),
        ("👍ok", b" ok"),
        ("", b""),
    ],
)
def test_letters_lose_case_and_accent_and_all_else_is_a_blank(text: str, folded: bytes) -> None:
    assert fold(text) == folded


def test_letters_without_a_latin_base_stay_letters_of_their_own() -> None:
    greek, russian = fold("τιμολόγιο"), fold("СЧЁТ счёт")
    assert min(greek) > 127
    assert russian[:4] == russian[5:]
    assert min(russian[:4]) > 127
    assert b" " not in fold("請求書")


@given(st.text())
def test_every_character_gives_one_byte_of_the_alphabet(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert all(byte == 0x20 or byte > 127 or chr(byte).isalnum() for byte in folded)
    assert folded == folded.lower()


@pytest.mark.parametrize(
    ("text", "squeezed"),
    [
        ("  one \t two\r\nthree ", "one two three"),
        ("one\n\ntwo", f"one {PARAGRAPH} two"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        (unicodedata.normalize("NFD", "för Ångström"), "för Ångström"),
        ("e-\nmail", "e-mail"),
        ("e - mail, e -mail", "e-mail, e-mail"),
        ("yes -- no", "yes-no"),
        ("yes--no", "yes-no"),
        ("now – later", "now – later"),
        ("- first\n- second", "- first-second"),
        ("", ""),
    ],
)
def test_squeezed_text_stands_in_one_line(text: str, squeezed: str) -> None:
    assert squeeze(text) == squeezed


@pytest.mark.parametrize(
    ("phrase", "ways"),
    [
        ("invoice", ("invoice",)),
        ("Kündigung für", ("kündigung für", "kuendigung fuer")),
        ("straße", ("straße", "strasse")),
        ("påminnelse", ("påminnelse", "paaminnelse")),
        ("crédit", ("crédit",)),
    ],
)
def test_a_phrase_is_spelled_as_it_is_and_transcribed(phrase: str, ways: tuple[str, ...]) -> None:
    assert spellings(phrase) == ways
