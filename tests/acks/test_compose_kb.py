"""What a page of the knowledge base says never costs a customer the acknowledgement."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailtriage.acks.compose import KbLink, compose
from mailtriage.acks.lint import MAX_SIZE, faults
from mailtriage.acks.templates import load_texts
from mailtriage.config import Config
from mailtriage.shipped import shipped_directory
from tests.acks.test_compose_hostile import HOSTILE
from tests.support.orders import NOW, ORDER, TOKENS, Make, parsed

PAGE = "https://help.desk.example/delivery"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=HOSTILE, url=HOSTILE, quote=HOSTILE, language=st.sampled_from(("de", "pl", "und")))
@example("Title", "", "\ud800 half a letter", "de")
@example("\ud800", "", "Title", "de")
@example("Title", "", "{{ reference }} {% if kb %}", "de")
@example("Title", "", "\u202eevil\u2066 \x00\x1b[31m\u2028\x85", "de")
@example("Title", "", "</p><script>alert(1)</script><!--[if mso]>", "de")
@example("Title", "", "w" * 300, "de")
@example("Title", '"><img src=x>', "quote", "de")
@example("Title", "", "界" * 300, "und")
def test_whatever_a_page_says_the_acknowledgement_is_made(
    make: Make, title: str, url: str, quote: str, language: str
) -> None:
    message = make(kb=KbLink(title, f"{PAGE}#{url}", quote), language=language)
    assert faults(message) == ()
    assert len(message) <= MAX_SIZE


def test_a_quote_is_shown_as_it_is_and_nothing_of_it_is_run(make: Make) -> None:
    text = parsed(make(kb=KbLink("Title", PAGE, "{{ reference }} <b>&amp;"), language="en"))
    shown = text.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has one
    assert "{{ reference }} <b>&amp;" in shown


@pytest.mark.parametrize(
    "url", ["http://help.desk.example/a", "javascript:alert(1)", "https://a b", "", "//x.example"]
)
def test_only_https_is_linked_to(make: Make, url: str) -> None:
    message = make(kb=KbLink("A very special title", url, "quote"), language="en")
    assert b"very special" not in message


@pytest.mark.parametrize("generic", ["encrypted", "empty", "unseen"])
def test_who_is_told_nothing_of_the_matter_is_shown_no_page(make: Make, generic: str) -> None:
    message = make(kb=KbLink("A very special title", PAGE, "quote"), generic=generic)
    assert b"very special" not in message
    assert b"help.desk.example/delivery" not in message


def test_markup_that_a_page_breaks_costs_the_link_alone(tmp_path: Path, config: Config) -> None:
    """An HTML part whose writer forgot the quotation marks around the address."""
    html = "<p>{{ reference }}</p>{% if kb %}<a href={{ kb.url }}>page</a>{% endif %}"
    (tmp_path / "en.toml").write_text(f"html = '{html}'\n")
    texts = load_texts(shipped_directory("policies") / "acks", tmp_path)
    order = dataclasses.replace(ORDER, kb=KbLink("Title", f"{PAGE}?a=`x>onclick=b", "quote"))
    message = compose(order, config, texts, TOKENS, NOW)
    assert faults(message) == ()
    assert b"onclick" not in message.partition(b"text/html")[2]
