"""A mail's text as HTML: the same words, links that can be pressed, and nothing else."""

import re
import timeit
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.acks.follow_up_html import html_of
from mailtriage.acks.follow_up_texts import (
    VOTES,
    FollowUpTexts,
    load_follow_up_texts,
    sample_surveys,
)
from mailtriage.acks.lint import html_faults
from mailtriage.shipped import shipped_directory

VOTE = "mailto:vote+abc-5@desk.example?subject=K7Q2&body=5"
ANCHOR = '<a href="mailto:vote+abc-5@desk.example?subject=K7Q2&amp;body=5">very satisfied</a>'
LABELLED = {VOTE: "very satisfied"}
LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")


@pytest.fixture(scope="module")
def texts() -> FollowUpTexts:
    return load_follow_up_texts(shipped_directory("policies") / "acks", only_own=True)


class Links(HTMLParser):
    """Address and words of each link."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._address = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._address = dict(attrs)["href"] or ""

    def handle_data(self, data: str) -> None:
        if self._address:
            self.found.append((self._address, data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._address = ""


def words(markup: str) -> str:
    """What a reader sees, with its lines and paragraphs."""
    return unescape(re.sub(r"<[^>]*>", "", markup.replace("</p>\n", "</p>\n\n")))


def test_paragraphs_and_lines_are_those_of_the_text() -> None:
    assert html_of("Hello,\n\nFirst.\nSecond.\n", {}) == (
        "<p>Hello,</p>\n<p>First.<br>\nSecond.</p>\n"
    )


def test_everything_is_escaped() -> None:
    assert html_of('<b> & "x"\n', {}) == "<p>&lt;b&gt; &amp; &quot;x&quot;</p>\n"
    made = html_of(f"a {VOTE}\n", {VOTE: "<img src=x>"})
    assert "&lt;img src=x&gt;</a>" in made
    assert html_faults(made) == ()


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        (f"very satisfied: {VOTE}", ANCHOR),
        (f"very satisfied : {VOTE}", ANCHOR),
        (f"Very satisfied: {VOTE}", ANCHOR),
        (VOTE, ANCHOR),
        (f"5 is {VOTE} here", f"5 is {ANCHOR} here"),
        (f"dissatisfied: {VOTE}", f"dissatisfied: {ANCHOR}"),
        # Not the address itself, but the beginning or end of another.
        (f"{VOTE}0", f"{VOTE}0".replace("&", "&amp;")),
        (f"x{VOTE}", f"x{VOTE}".replace("&", "&amp;")),
    ],
)
def test_an_address_becomes_a_link_with_its_label(line: str, becomes: str) -> None:
    assert html_of(f"{line}\n", LABELLED) == f"<p>{becomes}</p>\n"


def test_an_address_without_a_label_shows_itself() -> None:
    url = "https://desk.example/privacy"
    assert html_of(f"Privacy: {url}\n", {url: ""}) == f'<p>Privacy: <a href="{url}">{url}</a></p>\n'


def test_of_two_addresses_one_of_which_begins_the_other_each_has_its_own_link() -> None:
    short, long = "https://desk.example/a", "https://desk.example/ab"
    made = html_of(f"{short} {long}\n", {short: "short", long: "long"})
    assert Links(made).found == [(short, "short"), (long, "long")]


@pytest.mark.parametrize(
    "url",
    [
        "http://desk.example/", "javascript:alert(1)", "data:text/html,x", "https://desk.example/ü",
        "//desk.example/", "x", '"><script>',
    ],
)  # fmt: skip
def test_what_may_be_no_link_stays_as_it_is(url: str) -> None:
    made = html_of(f"very satisfied: {url}\n", {url: "very satisfied"})
    assert "<a" not in made
    assert words(made).strip() == f"very satisfied: {url}"
    assert html_faults(made) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_survey_has_its_five_votes_and_the_way_out_as_links(
    texts: FollowUpTexts, language: str
) -> None:
    survey = texts.by_language[language].survey
    for values in sample_surveys(language, survey.labels):
        given_votes = values["votes"]
        assert isinstance(given_votes, tuple)
        links = {vote.url: vote.label for vote in given_votes}
        links[str(values["opt_out"])] = survey.opt_out
        made = html_of(survey.plain(values), links)
        assert Links(made).found == list(links.items())
        assert len(links) == len(VOTES) + 1
        assert "mailto:" not in words(made)
        assert html_faults(made) == ()


PIECES = st.sampled_from(
    ("\n", "\n\n", " ", ": ", "<", ">", "&", '"', "'", "&amp;", "<!--", "]]>", "a", "ü", VOTE)
)
SOME_TEXT = st.lists(PIECES | st.text(max_size=5), max_size=20).map("".join)


@given(SOME_TEXT, st.dictionaries(st.just(VOTE) | SOME_TEXT, SOME_TEXT, max_size=4))
def test_whatever_stands_in_it_nothing_but_text_and_links_comes_out(
    plain: str, links: dict[str, str]
) -> None:
    made = html_of(plain, links)
    assert html_faults(made) == ()
    assert {url for url, _ in Links(made).found} <= links.keys()


@given(SOME_TEXT)
def test_without_links_all_words_are_there_and_no_others(plain: str) -> None:
    assert words(html_of(plain, {})).split() == plain.split()


@pytest.mark.alone
def test_time_grows_with_the_length_of_the_text() -> None:
    links = {f"mailto:{number}@desk.example": "x" for number in range(6)}

    def seconds(times: int) -> float:
        text = f"very satisfied: {VOTE} {': ' * 20}<&>\n" * times
        return min(timeit.repeat(lambda: html_of(text, links), number=1, repeat=5))

    assert seconds(4000) < 40 * seconds(400)
