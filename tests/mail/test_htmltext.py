"""HTML as mail clients write it, and as nobody should."""

import pytest

from mailtriage.mail.htmllines import decode_characters
from mailtriage.mail.htmltext import html_to_text


def text_of(html: str) -> str:
    return html_to_text(html, 10_000)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("<div>One</div><div><br></div><div>Two</div>", "One\n\nTwo"),
        ("<div>One<br></div><div>&nbsp;</div><div>Two</div>", "One\n\nTwo"),
        ("One<br>Two<BR/>Three</br>Four", "One\nTwo\nThree\nFour"),
        ("a\n  b\t c", "a b c"),
        ("<b>bo</b>ld <a href='x'>link</a>", "bold link"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n\n- c"),
        ("<ul><li><p>a</p></li></ul>", "a"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\tb\nc"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<div style="white-space: pre-wrap">a\nb</div>', "a\nb"),
        ("<p class=MsoNormal>a</p><p class=MsoNormal>b</p>", "a\nb"),
        # left out
        (
            "<!DOCTYPE html><?xml x?><html><head><title>t</title><style>p {}</style></head>x</html>",
            "x",
        ),
        ("a<!-- b -->c<!--[if mso]><p>d</p><![endif]-->e<![if !mso]>f<![endif]>", "acef"),
        ("a<script>if (a < b) { x('<p>'); }</script>b", "ab"),
        ("<svg><text>a</text></svg><template>b</template>c", "c"),
        ('a<span style="display:none">b</span>c', "ac"),
        ('a<div style="DISPLAY: None !important">b<div>c</div>d</div>e', "a\ne"),
        ('a<span style="font-size:0px">b</span><i style="mso-hide:all">c</i>d', "ad"),
        ('a<p style="display:none">b<p>c', "a\n\nc"),
        (
            '<td style="font-size:0px;padding:0">a<div style="font-size:16px">b<i>c</i></div>d</td>e',
            "bc\ne",
        ),
        ('<div style="font-size:0"><b style="font-size:14px;display:none">a</b></div>b', "b"),
        ('<i style="font-size:1px;color:#fff;opacity:0">a</i><i style="font-size:1px">b</i>c', "c"),
        ('<i style="font-size:1.2em">a</i><i style="font-size:10px">b</i>', "ab"),
        ('a<div style="display:none">b<div>c</div></div>d', "a\nd"),
        ('<span style="font-size:0.9em;max-height:0.5em">shown</span>', "shown"),
        ('a<img src="x" alt="Logo"><img alt="😀" src="y"><img alt="" width=1>b', "a😀b"),
        # character references
        ("&lt;b&gt; &amp;amp; &#229;&#xE4; &euro;", "<b> &amp; åä €"),
        ("a&nbsp;b&zwnj;", "a b\u200c"),
        ("&unknown; &#xD800; &#99999999;", "&unknown; \ufffd \ufffd"),
        # broken
        ("a < b and c > d", "a < b and c > d"),
        ("a <3 you", "a <3 you"),
        ("<p>a<p>b<div>c", "a\n\nb\nc"),
        ("</div></p>a</b>", "a"),
        ('<a title="x > y" href=z>a</a>', "a"),
        ("<a title='unclosed>a</a>b", "<a title='unclosed>ab"),
        ("a<!-- never closed", "a"),
        (
            "<style>p {} never closed <p>shown all the same</p>",
            "p {} never closed shown all the same",
        ),
        ("", ""),
        ("<", "<"),
    ],
)
def test_text(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    "quote",
    [
        '<blockquote type="cite">old</blockquote>',
        "<blockquote type=cite><div>old</div></blockquote>",
        '<blockquote class="gmail_quote" style="margin:0">old</blockquote>',
        '<blockquote style="border-left: 2px solid #000">old</blockquote>',
        '<div class="yahoo_quoted">old</div>',
        '<div class="protonmail_quote">old</div>',
        '<div name="quote" style="padding:1px">old</div>',
        '<div id="appendonsend"></div><hr><div>old</div>',
        '<div id="divRplyFwdMsg" dir="ltr">old</div>',
        "<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>old</div>",
    ],
)
def test_quotes_that_clients_mark(quote: str) -> None:
    assert text_of(f"<div>new</div>{quote}").split("\n")[0] == "new"
    assert text_of(f"<div>new</div>{quote}").split("\n")[-1] == "> old"


def test_indented_text_of_ones_own_is_no_quote() -> None:
    indent = '<blockquote style="margin:0 0 0 40px;border:none;padding:0px">mine</blockquote>'
    assert text_of(indent) == "mine"


def test_nested_quotes_and_what_follows() -> None:
    html = "a<blockquote type=cite>b<blockquote type=cite>c</blockquote>d</blockquote>e"
    assert [line for line in text_of(html).split("\n") if line.strip("> ")] == [
        "a",
        "> b",
        "> > c",
        "> d",
        "e",
    ]


def test_length_is_bounded() -> None:
    assert len(html_to_text("<p>word" * 5000, 300)) <= 300
    assert len(html_to_text("x" * 5000, 300)) == 300


def test_tags_beyond_the_bound_are_not_text() -> None:
    assert "<" not in html_to_text("<b>x</b>" * 30_000, 100_000)


def test_decode_characters_leaves_plain_text_alone() -> None:
    text = "no reference here"
    assert decode_characters(text) is text
