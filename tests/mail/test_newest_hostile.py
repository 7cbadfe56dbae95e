"""Bodies made to be slow take as long as others of their length; and what holds for any text."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailtriage.mail.htmltext import html_to_text
from mailtriage.mail.newest import newest_text, split_letter
from tests.accuracy.hostile import MARKUP, TEXTS, Maker

SIZE = 8 * 1024
Growth = Callable[[Callable[[int], Callable[[], object]]], float]


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_newest_text_is_linear(make: Maker, growth: Growth) -> None:
    def work(times: int) -> Callable[[], object]:
        # `growth` asks for 1 and 2; twice doubled shows what is quadratic more clearly.
        text = make(SIZE * times * times)
        return lambda: newest_text(text, "Eva Ek")

    assert growth(work) < 4 * 2


@pytest.mark.parametrize("make", MARKUP.values(), ids=MARKUP)
def test_html_to_text_is_linear(make: Maker, growth: Growth) -> None:
    def work(times: int) -> Callable[[], object]:
        html = make(SIZE * times * times)
        return lambda: newest_text(html_to_text(html, 32_768))

    assert growth(work) < 4 * 2


LINES = [
    "", " ", "Hello,", "Please send a new one.", "> quoted", "> > older", ">", "-- ", "--", "\u2014", "_____",
    "On Mon, 3 Mar 2025 at 10:12, Bo Ek <bo@ek.example> wrote:", "On Mon, 3 Mar 2025", "<bo@ek.example> skrev:",
    "From: Bo <bo@ek.example>", "Sent: 3 March 2025 10:12", "To: Eva", "Subject: Lamp", "Von: Bo", "Gesendet: 9:00",
    "-----Original Message-----", "Begin forwarded message:", "##- Reply above this line -##", "Sent from my iPhone",
    "Kind regards", "Eva Ek", "Tel. +46 8 555 010 20", "www.ek.example", "Ek & Co AB", "Von unterwegs gesendet",
    "This e-mail is confidential and for its addressee.", "Please think of a tree before you print this.",
    "Name: Eva", "E-mail: eva@ek.example", "Message:", "unsubscribe: http://x.example", "\u202aBo\u202c", "a:", "1 > 2",
]  # fmt: skip
letters = st.lists(st.sampled_from(LINES) | st.text(max_size=30), max_size=25).map("\n".join)


@settings(max_examples=500, deadline=None)
@given(text=letters, sender=st.sampled_from(["", "Eva Ek", " "]))
@example(text="Name:\tx\nE-mail:\ty\nMessage:\tz", sender="")
def test_any_letter_is_taken_apart(text: str, sender: str) -> None:
    letter = split_letter(text, sender)
    assert letter.newest == letter.newest.strip()
    assert newest_text(text, sender) == letter.newest


@settings(max_examples=500, deadline=None)
@given(text=st.lists(st.sampled_from(LINES), max_size=25).map("\n".join))
def test_only_lines_of_the_letter_come_out(text: str) -> None:
    """Each line whole, and in its order; a form or a forwarded mail may give part of one."""
    visible = text.translate({0x202A: None, 0x202C: None})
    position = 0
    for line in newest_text(text).split("\n"):
        found = visible.find(line.strip(), position)
        assert found >= 0, line
        position = found + len(line.strip())


@settings(max_examples=500, deadline=None)
@given(
    own=st.lists(
        st.sampled_from(["Hello,", "Please send a new one.", "", "It is broken."]), min_size=1
    ),
    below=st.sampled_from(
        [
            "> quoted",
            "On 3/3/25 at 10:12 Bo <bo@ek.example> wrote:\n> quoted",
            "Sent from my iPhone",
            "-- \nEva",
        ]
    ),
)
def test_newest_text_of_newest_text_is_the_same(own: list[str], below: str) -> None:
    text = "\n".join(own)
    newest = newest_text(f"{text}\n\n{below}\n")
    assert newest.split() == text.split() or not text.strip()
    assert newest_text(newest) == newest


@settings(max_examples=300, deadline=None)
@given(
    html=st.lists(
        st.sampled_from(
            ["<div>", "</div>", "<p>", "</p>", "<br>", "<b>", "text", " ", "&nbsp;", "&lt;", "<li>", "<td>", "<hr>",
             "<blockquote type=cite>", "</blockquote>", '<div class="gmail_signature">', '<i style="font-size:0">',
             '<i style="font-size:9px">', "</i>", '<div style="display:none">', "<pre>", "</pre>", "\n", "<!--", "-->",
             '<hr id="stopSpelling">', '<div id="appendonsend">', '<img alt="\U0001f600">', "<style>", "</style>", "-- "]
        )
        | st.text(max_size=5),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_markup_gives_tidy_lines(html: str) -> None:
    text = html_to_text(html, 10_000)
    assert len(text) <= 10_000
    lines = text.split("\n")
    if "<pre>" not in html:
        assert all(line == line.rstrip() for line in lines)
    assert "\n\n\n" not in text or "<pre>" in html
    newest_text(text)
