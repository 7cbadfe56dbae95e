"""Deep links: as deep as can be proven, and never to the wrong place."""

from urllib.parse import unquote

import pytest

from mailtriage.knowledge.fragments import MAX_LINK, encoded, entry
from mailtriage.knowledge.model import Document, Section

URL = "https://help.shop.example/page"
LONG = "Refunds take five working days, once the parcel has reached us in the warehouse of ours."


def links(*paragraphs: str, blocks: tuple[str, ...] | None = None, **about: object) -> list[str]:
    """The links to the paragraphs of a section, on a page of these blocks."""
    section = Section("\n".join(paragraphs), url=URL, id="kb-1", **about)  # type: ignore[arg-type]
    document = Document((section,), paragraphs if blocks is None else blocks)
    return [one.link for one in entry(section, document).passages]


def test_a_real_heading_comes_first_and_words_only_for_what_is_further_below() -> None:
    first, second = links(LONG, "Banks take three days more.", anchor="refunds")
    assert first == f"{URL}#refunds"
    assert second == f"{URL}#refunds:~:text=Banks%20take%20three%20days"


def test_a_guessed_heading_is_always_followed_by_words() -> None:
    assert links("Banks take three days.", anchor="banks", guessed=True) == [
        f"{URL}#banks:~:text=Banks%20take%20three%20days."
    ]


def test_a_long_paragraph_is_named_by_its_two_ends() -> None:
    assert links(LONG) == [f"{URL}#:~:text=Refunds%20take%20five%20working,warehouse%20of%20ours."]


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("e-mail", "e%2Dmail"),
        ("this, and", "this%2C%20and"),
        ("R&D", "R%26D"),
        ("åäö", "%C3%A5%C3%A4%C3%B6"),
        ("100%", "100%25"),
        ("a#b", "a%23b"),
    ],
)
def test_what_has_a_meaning_in_a_directive_is_encoded(words: str, written: str) -> None:
    assert encoded(words) == written
    assert unquote(written) == words


def test_words_that_stand_there_twice_are_no_link() -> None:
    """A browser would mark the first."""
    text = "Write to us and we will help you."
    assert links(text, blocks=(text, "Between", text)) == [
        f"{URL}#:~:text=between-,Write%20to%20us%20and%20we%20will%20help%20you."
    ]
    assert links(text, blocks=(text, "Between", text, "Between", text)) == [URL]


def test_more_words_are_taken_until_they_stand_there_once() -> None:
    text = "Write to us and we call you back."
    assert links(text, blocks=("Write to us and we refund you.", text)) == [
        f"{URL}#:~:text=Write%20to%20us%20and%20we%20call"
    ]


def test_half_a_word_is_no_second_place() -> None:
    assert links("Return it", blocks=("Return it", "Return items")) == [
        f"{URL}#:~:text=Return%20it"
    ]


def test_words_that_the_page_does_not_have_are_no_link() -> None:
    assert links(LONG, blocks=("Something else.",)) == [URL]
    assert links(LONG, blocks=()) == [URL]


def test_cells_of_a_table_are_no_text_of_one_piece() -> None:
    assert links("under 40\t3.90") == [URL]


def test_a_page_of_a_pdf_has_its_number() -> None:
    assert links(LONG, page=3) == [f"{URL}#page=3"]


def test_no_link_is_longer_than_mails_can_bear() -> None:
    words = "Rücksendekostenübernahmeerklärung " * 6 + "und mehr davon am anderen Ende"
    (link,) = links(words, anchor="ü" * 20, guessed=True)
    assert len(link) <= MAX_LINK
    section = Section(LONG, url="https://help.example/" + "x" * 300)
    assert entry(section, Document((section,))).passages[0].link == ""


def test_a_page_without_an_address_has_no_link() -> None:
    section = Section(LONG)
    assert entry(section, Document((section,), (LONG,))).passages[0].link == ""


def test_an_anchor_cannot_end_the_link_or_begin_a_directive() -> None:
    assert links(LONG, anchor='a b"><script>') == [f"{URL}#a%20b%22%3E%3Cscript%3E"]
    assert links(LONG, blocks=(), anchor="x:~:text=y") == [URL]
