"""A stranger's subject, repeated without harm (RFC 3834 sections 3.1.5 and 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.acks.subject import MAX_LENGTH, harmless, subject_line


def marked(original: str, ticket: str = "") -> str:
    return subject_line(
        original, style="marker", marker="Received: ", fixed="We have it", ticket=ticket
    )


def replied(original: str) -> str:
    return subject_line(original, style="re", marker="Received: ", fixed="We have it")


def test_the_marker_stands_before_the_customers_own_subject() -> None:
    assert marked("Where is my parcel?") == "Received: Where is my parcel?"


@pytest.mark.parametrize("original", ["", "  ", "\r\n", "\u200b\u202e", "a" + "\u0301" * 500])
def test_without_anything_to_repeat_the_fixed_subject_stands(original: str) -> None:
    assert marked(original) == "We have it"
    assert replied(original) == "We have it"


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("My invoice", "Re: My invoice"),
        ("Re: My invoice", "Re: My invoice"),
        ("RE:My invoice", "Re: My invoice"),
        ("Re: Re: My invoice", "Re: Re: My invoice"),
        ("Refund: 12", "Re: Refund: 12"),
        ("Re: ", "We have it"),
    ],
)
def test_the_re_style_never_doubles_the_re(original: str, expected: str) -> None:
    assert replied(original) == expected


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("a\r\nBcc: all@corp.example", "a Bcc: all@corp[.]example"),
        ("a\x00b\x07c\x7fd", "abcd"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066left\u2069 \u200bzero\ufeff\u00ad", "left zero"),
        ("tab\tand\u2028line\u00a0blank", "tab and line blank"),
        ("broken \udcff byte", "broken byte"),
        ("=?utf-8?Q?a=0D=0ABcc:x?=", "= ?utf-8?Q?a=0D=0ABcc:x?="),
    ],
)
def test_nothing_that_acts_or_hides_is_left(original: str, expected: str) -> None:
    assert harmless(original) == expected


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("Win at http://evil.example/x?y=1", "Win at http[:]//evil[.]example/x?y=1"),
        ("see www.evil.example", "see www[.]evil[.]example"),
        ("see EVIL.COM now", "see EVIL[.]COM now"),
        ("evil.com.", "evil[.]com."),
        ("evil\u200b.com", "evil[.]com"),
        ("joe@evil.example", "joe@evil[.]example"),
        ("evil.com.1", "evil[.]com[.]1"),
        ("evil.xn--p1ai", "evil[.]xn--p1ai"),
        ("пример.рф", "пример[.]рф"),
        ("evil.com.pdf", "evil[.]com[.]pdf"),
        ("evil.pdf/pay", "evil[.]pdf/pay"),
        ("hthttps://tps://evil.example", "hthttps[:]//tps[:]//evil[.]example"),
        ("https:x:////evil.example", "https:x[:]////evil[.]example"),
        ("ftp://192.0.2.1/x", "ftp[:]//192.0.2.1/x"),
    ],
)
def test_nothing_is_left_that_mail_programs_turn_into_a_link(original: str, expected: str) -> None:
    assert harmless(original) == expected


@pytest.mark.parametrize(
    "original",
    [
        "Rechnung_4711.pdf fehlt",
        "z.B. am 24.12.2026 um 9.30",
        "Version 2.0.1 on 192.0.2.1",
        "Order #1234: wrong size (XL)",
        "¿Dónde está mi pedido?",
        "注文について",
        "Paid 1.234,56 EUR twice!",
    ],
)
def test_ordinary_subjects_stay_as_they_are(original: str) -> None:
    assert harmless(original) == original


def test_a_long_subject_is_cut_between_what_people_see_as_characters() -> None:
    flags = "🇸🇪" * 200
    cut = harmless(flags)
    assert len(cut) <= MAX_LENGTH
    assert cut == "🇸🇪" * ((len(cut) - 1) // 2) + "…"
    assert harmless("日" * 400) == "日" * (MAX_LENGTH - 1) + "…"
    assert harmless("x" * MAX_LENGTH) == "x" * MAX_LENGTH


def test_the_ticket_of_the_helpdesk_is_never_cut_off() -> None:
    line = marked("x" * 400, ticket="[rt #12]")
    assert line.endswith("… [rt #12]")
    assert marked("", ticket="[rt #12]") == "We have it [rt #12]"
    assert marked("Hello", ticket="[rt\r\n #12]") == "Received: Hello [rt #12]"


@given(st.text(max_size=400))
def test_whatever_comes_is_one_short_line_without_a_link(original: str) -> None:
    line = harmless(original)
    assert len(line) <= MAX_LENGTH
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in line)
    assert "://" not in line
    assert "=?" not in line
    line.encode("utf-8")  # no surrogate is left


@given(st.text(alphabet="ab.:/-_@ 1é\u200b", max_size=60))
def test_no_dot_joins_two_words_of_letters(original: str) -> None:
    line = harmless(original)
    assert "a.aa" not in line
    assert "://" not in line
    assert harmless(line) == line
