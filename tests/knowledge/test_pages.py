"""HTML and Markdown: headings with the ids that they really have, and the text below each."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.knowledge.htmlpage import read_page
from mailtriage.knowledge.markdownpage import read_markdown


def sections(html: str) -> list[tuple[str, str, str]]:
    """Heading, anchor and text of each."""
    return [(one.heading, one.anchor, one.text) for one in read_page(html).document.sections]


@pytest.mark.parametrize(
    ("html", "anchor"),
    [
        ('<h2 id="a">H</h2><p>t</p>', "a"),
        ('<h2><a id="a"></a>H</h2><p>t</p>', "a"),
        ('<h2><a name="a">H</a></h2><p>t</p>', "a"),
        ('<a id="a"></a><h2>H</h2><p>t</p>', "a"),
        ('<section id="a"><h2>H</h2><p>t</p></section>', "a"),
        ('<div id="a"><div><h2>H</h2></div><p>t</p></div>', "a"),
        ('<details id="a"><summary>H</summary><p>t</p></details>', "a"),
        ('<dl><dt id="a">H</dt><dd>t</dd></dl>', "a"),
        ('<h2 id="a">H <a class="headerlink" href="#a">¶</a></h2><p>t</p>', "a"),
        ('<section id="x"><p>above</p><h2>H</h2><p>t</p></section>', ""),
        ('<h2>H</h2><p id="x">t</p>', ""),
    ],
)
def test_the_anchor_is_what_a_browser_would_jump_to(html: str, anchor: str) -> None:
    assert ("H", anchor, "t") in sections(html)


def test_a_section_goes_to_the_next_heading() -> None:
    html = (
        "<p>top</p><h1>A</h1><p>one</p><p>two<br>three</p><h2>B</h2><ul><li>x<li>y</ul><h3>C</h3>"
    )
    assert sections(html) == [("", "", "top"), ("A", "", "one\ntwo\nthree"), ("B", "", "x\ny")]


def test_what_is_not_shown_is_no_text() -> None:
    html = (
        "<script>a</script><style>b</style><p hidden>c</p><div style='display: none'><p>d</p></div>"
        "<p aria-hidden=true>e</p><template><p>f</p></template><!-- g --><p>shown</p>"
    )
    assert sections(html) == [("", "", "shown")]


def test_navigation_and_footer_are_no_section_but_part_of_the_page() -> None:
    html = (
        "<nav>Home</nav><header>Shop</header><p>text</p><aside>ad</aside><footer>Imprint</footer>"
    )
    page = read_page(html)
    assert [one.text for one in page.document.sections] == ["text"]
    assert page.document.blocks == ("Home", "Shop", "text", "ad", "Imprint")


def test_where_there_is_a_main_part_only_that_counts() -> None:
    html = "<div>banner</div><main><header><h1>A</h1></header><p>text</p></main><div>more</div>"
    assert sections(html) == [("A", "", "text")]


def test_what_a_page_says_of_itself() -> None:
    page = read_page(
        '<html lang="pt-BR"><head><title>T – Shop</title><meta name="robots" content="noindex">'
        '<link rel="canonical" href="https://x.example/a"></head><body><h1>Top</h1><p>t</p>'
    )
    assert (page.title, page.language, page.canonical) == ("Top", "pt-br", "https://x.example/a")
    assert not page.indexed


def test_cells_are_kept_apart() -> None:
    html = "<table><tr><td>under 40<td>3.90</tr><tr><td>above</td><td>free</td></tr></table>"
    assert sections(html) == [("", "", "under 40\t3.90\nabove\tfree")]


def test_aliases_stand_in_a_comment() -> None:
    page = read_page("<h2>H</h2><!-- aliases: one way; another\n way --><p>t</p>")
    assert page.document.sections[0].aliases == ("one way", "another way")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<h2 id=a>", "</h2>", "<div hidden>", "</div>", "<td>", "<main>", "x ",
             "<!--", "-->", "<a name='", ">", "<script>", "</script>", "&amp", "&#0;", "<![CDATA["]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_no_html_whatever_raises(pieces: list[str]) -> None:
    read_page("".join(pieces))
    read_markdown("".join(pieces))


@pytest.mark.parametrize(
    "piece",
    ["<!--", "<!", "<?", "<", "</", "<div", "<a id=x> ", "<a x='", "<a x=\" ", "&a", "<![CDATA[",
     "<script>", "<div>", "<td>x", "<h2>x</h2>", "<!--aliases:x-->"],
)  # fmt: skip
def test_twice_the_page_takes_twice_the_time(piece: str) -> None:
    """html.parser alone takes four times as long, and a day for a page of a few megabytes."""

    def cost(count: int) -> float:
        text = piece * count
        return min(_spent(text) for _ in range(3))

    assert cost(16_000) < 10 * cost(4_000) + 0.02


def _spent(html: str) -> float:
    began = time.process_time()
    read_page(html)
    return time.process_time() - began


def test_what_begins_no_tag_is_text() -> None:
    assert sections("<p>a < b <!-- and c") == [("", "", "a < b <!-- and c")]


def test_deep_nesting_is_read() -> None:
    assert sections("<div>" * 5000 + "t" + "</div>" * 5000) == [("", "", "t")]


MARKDOWN = """\
---
title: "Your account"
url: account/
lang: en_GB
aliases:
  - locked out
  - "no access"
date: 2026-05-01
---
# Account

Above.

## What's new, in R&D?

One *paragraph* with a [link](https://x.example).

## Same

a

## Same

b

## Own {#my-id}
<!-- aliases: mine -->

c
"""


def test_markdown() -> None:
    front, page = read_markdown(MARKDOWN)
    assert (front.title, front.url, front.language) == ("Your account", "account/", "en-gb")
    assert (front.aliases, front.version) == (("locked out", "no access"), "2026-05-01")
    assert page.title == "Your account"
    found = [(one.heading, one.anchor, one.guessed, one.text) for one in page.document.sections]
    assert found == [
        ("Account", "account", True, "Above."),
        ("What's new, in R&D?", "whats-new-in-rd", True, "One paragraph with a link."),
        ("Same", "same", True, "a"),
        ("Same", "same-1", True, "b"),
        ("Own", "my-id", False, "c"),
    ]
    assert page.document.sections[-1].aliases == ("mine",)
    assert "Own" in page.document.blocks


def test_markdown_without_anything_in_front() -> None:
    front, page = read_markdown("---\n\ntext\r\n\r\n* a\r\n* b")
    assert front.url == ""
    assert page.document.sections[0].text == "text\na\nb"
