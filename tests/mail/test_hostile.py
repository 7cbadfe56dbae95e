"""Mails made to break a parser: nothing raises, limits hold, time grows with length only."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailtriage.mail import Limits, Mail, MailStatus, read_mail, read_message
from mailtriage.mail.address import parse_mailboxes
from mailtriage.mail.fields import parse_mime_field
from mailtriage.mail.htmltext import html_to_text
from mailtriage.mail.newest import newest_text
from mailtriage.mail.textparts import unflow
from mailtriage.mail.words import decode_words

SMALL = Limits(
    max_scan_bytes=4096,
    max_header_bytes=2048,
    max_headers=20,
    max_mime_depth=4,
    max_parts=8,
    max_text_chars=512,
)
Growth = Callable[[Callable[[int], Callable[[], object]]], float]


def check(mail: Mail, limits: Limits) -> None:
    """What holds for every mail, whatever came in."""
    assert "bug" not in mail.defects
    assert len(mail.text) <= limits.max_text_chars
    assert len(mail.newest_text) <= len(mail.text)
    assert len(mail.headers) <= limits.max_headers
    assert len(mail.attachments) <= limits.max_parts
    assert mail.body_bytes <= limits.max_scan_bytes
    assert len(mail.references) <= 64
    assert mail.status is (MailStatus.OK if mail.text.strip() else MailStatus.UNREAD)
    assert len(set(mail.defects)) == len(mail.defects)
    for field in mail.headers:
        assert "\n" not in field.value
    shown = [mail.subject, mail.from_name, mail.from_address, mail.message_id, *mail.references]
    for text in (*shown, *(item.name for item in mail.attachments)):
        assert not text or text.isprintable() or "\n" not in text
        text.encode("utf-8")
    for text in (mail.text, mail.newest_text):
        text.encode("utf-8")
        assert "\0" not in text


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=3000))
@example(raw=b"Content-Type: multipart/mixed; boundary=\n\n--\n--\n----")
@example(raw=b"From: \xff\nSubject: =?=?=\n\n")
def test_any_bytes(raw: bytes) -> None:
    check(read_message(raw, limits=SMALL), SMALL)


PIECES = [
    b"Content-Type: ", b"multipart/alternative; boundary=", b"multipart/mixed; boundary=x", b"text/html", b"text/plain",
    b"message/rfc822", b"; charset=", b"utf-7", b"utf-16", b"iso-2022-jp", b'"', b"\n", b"\n\n", b"\r\n", b"\r", b"--x",
    b"--x--", b"--", b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%", b"=?utf-8?b?", b"=?utf-8?q?", b"?=", b"From: ", b"<", b">",
    b"@", b"(", b"Subject: ", b"=\n", b"=C3", b"<blockquote type=cite>", b'<div style="display:none">', b"</div>", b"<pre>",
    b"<!--", b"-->", b"&#", b"&amp;", b"> ", b"On 1 May 10:00 a@b.c wrote:", b"-- \n", b"From: a\nSent: b\nTo: c\n", b"\0", b"\xff",
    b"-----BEGIN PGP MESSAGE-----\n", b"format=flowed", b" \n", b"Mvh\n", b"Name: x\nEmail: y\nMessage:\n", b"\xc3\xa5",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=60))
def test_pieces_of_mails_in_any_order(pieces: list[bytes]) -> None:
    check(read_message(b"".join(pieces), limits=SMALL), SMALL)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_samples_with_pieces_cut_doubled_and_exchanged(
    data: st.DataObject, samples: dict[str, bytes]
) -> None:
    names = st.sampled_from(sorted(samples))
    raw = samples[data.draw(names)]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 200)))
        other = samples[data.draw(names)]
        cut = data.draw(st.integers(0, len(other)))
        put = data.draw(
            st.sampled_from(
                [b"", raw[start:end] * 2, other[cut : cut + 200], b"\0", b"\n\n", b"\r"]
            )
        )
        raw = raw[:start] + put + raw[end:]
    check(read_message(raw, limits=SMALL), SMALL)
    check(read_message(raw), Limits())


@settings(max_examples=200, deadline=None)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["From", "Subject", "Content-Type", "References", "Message-ID", "X-\udcff", ""]
            ),
            st.binary(max_size=80),
        ),
        max_size=12,
    ),
    body=st.binary(max_size=300),
    complete=st.booleans(),
)
def test_any_callbacks_of_a_milter(
    headers: list[tuple[str, bytes]], body: bytes, complete: bool
) -> None:
    check(read_mail(headers, body, limits=SMALL, body_complete=complete), SMALL)


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(max_size=400)
    | st.lists(st.sampled_from([p.decode("latin-1") for p in PIECES])).map("".join)
)
def test_any_text(text: str) -> None:
    newest_text(text, "Eva Ek")
    html_to_text(text, 200).encode("utf-8")
    unflow(text, delete_space=True)


# name: the unit that is repeated, and how often to begin with
REPLIES = {
    "attributions": "On Mon, 3 Mar 2025 at 10:12, Bo <b@x.example> wrote:\nx\n",
    "attributions without end": "On <<<<",
    "dashes": "-",
    "dashed lines": "-----\n",
    "from lines": "From: a\n",
    "half headers": "From: a\nTo: b\n\n",
    "quotes and answers": "> x\ny\n",
    "colons": "a:\n",
    "empty lines": "\n",
    "empty quotes": ">\n\n",
    "closings": "Mvh\n",
    "delimiters": "--\n",
    "disclaimers": "This e-mail may contain confidential\n\n",
    "opening words": "This e-mail or that\n",
    "footers": "unsubscribe http://x.example\n\n",
    "names": "Anna Berg\n",
    "numbers": "1 2-",
    "addresses": "a@b.example 10:12:\n",
    "forms": "Name: x\nEmail: y\n",
    "one long line": "word ",
}


@pytest.mark.parametrize("unit", REPLIES.values(), ids=REPLIES)
def test_newest_text_is_linear(unit: str, growth: Growth) -> None:
    def make(times: int) -> Callable[[], object]:
        text = "Hello there.\n\n" + unit * (times * 10_000 // len(unit))
        return lambda: newest_text(text)

    assert growth(make) < 4


MARKUP = {
    "nested": "<div>",
    "nested quotes": "<blockquote type=cite>x",
    "nested hidden": '<div style="display:none">',
    "angles": "<",
    "open attributes": '<a x="',
    "open attributes, two quotes": "<a 'x\"",
    "comments": "<!--",
    "declarations": "<!",
    "references": "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "numbers": "&#x;",
    "list items": "<ul><li>x",
    "cells": "<td>x",
    "verbatim": "<pre>\n",
    "raw": "<style>",
    "blanks": " \n",
    "attributes": "<p " + "a=1 " * 50 + ">",
}


@pytest.mark.parametrize("unit", MARKUP.values(), ids=MARKUP)
def test_html_to_text_is_linear(unit: str, growth: Growth) -> None:
    def make(times: int) -> Callable[[], object]:
        html = unit * (times * 20_000 // len(unit))
        return lambda: html_to_text(html, 32_768)

    assert growth(make) < 4


HEADERS = {
    "unclosed words": b"=?a?q?",
    "words": b"=?utf-8?q?=C3?= ",
    "charsets": b"=?a?b?x=?=",
    "question marks": b"=?a?q?x" + b"?" * 50,
    "angles": b"<",
    "quotes": b'"',
    "comments": b"(",
    "backslashes": b'"\\',
    "addresses": b"a@b ",
    "letters": b"a",
    "folds": b"\n ",
    "parameters": b"; a=b",
    "semicolons": b"; ",
}


@pytest.mark.parametrize("unit", HEADERS.values(), ids=HEADERS)
def test_header_fields_are_linear(unit: bytes, growth: Growth) -> None:
    def make(times: int) -> Callable[[], object]:
        raw = unit * (times * 4000 // len(unit))
        return lambda: (decode_words(raw), parse_mailboxes(raw), parse_mime_field(raw))

    assert growth(make) < 4


BODIES = {
    "boundaries": (b"multipart/mixed; boundary=b", b"--b\n\n"),
    "almost boundaries": (b"multipart/mixed; boundary=b", b"--bx\n"),
    "boundaries in a line": (b"multipart/mixed; boundary=b", b"--b"),
    "levels": (
        b"multipart/mixed; boundary=b",
        b"--b\nContent-Type: multipart/mixed; boundary=b\n\n",
    ),
    "long parameters": (b"multipart/mixed; boundary=" + b"x" * 5000, b"--x"),
    "guesses": (b"multipart/mixed", b"\n \n--"),
    "soft breaks": (b"text/plain; format=flowed", b"> x \n"),
    "equals": (b"text/plain", b"=\n"),
    "armour": (b"text/plain", b"-----BEGIN PGP MESSAGE-----\n"),
    "headers in a part": (b"multipart/mixed; boundary=b", b"A:b\n"),
}


@pytest.mark.parametrize(("content_type", "unit"), BODIES.values(), ids=BODIES)
def test_bodies_are_linear(content_type: bytes, unit: bytes, growth: Growth) -> None:
    head = b"Content-Type: " + content_type + b"\n\n--b\n"

    def make(times: int) -> Callable[[], object]:
        raw = head + unit * (times * 30_000 // len(unit))
        return lambda: read_message(raw)

    assert growth(make) < 4


def test_boundaries_in_one_endless_line_are_linear(growth: Growth) -> None:
    """Four times as many: who looks for the end of the line at each of them takes nine times as
    long."""
    head = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"

    def make(times: int) -> Callable[[], object]:
        raw = head + b"--b" * (20_000 if times == 1 else 80_000)
        return lambda: read_message(raw)

    assert growth(make) < 6.5


def test_a_large_attachment_costs_what_the_first_bytes_cost(growth: Growth) -> None:
    boundary = b"=_Part_370_252979205.1696783287982"
    head = b"Content-Type: multipart/mixed; boundary=" + b'"' + boundary + b'"\n\n--' + boundary
    text = b"\nContent-Type: text/plain\n\n" + b"Where is my order, please?\n" * 20
    attachment = (
        b"\n--"
        + boundary
        + b"\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n"
    )

    def make(times: int) -> Callable[[], object]:
        raw = head + text + attachment + b"QUJDREVGR0g=\n" * (16_000 * (1 if times == 1 else 100))
        return lambda: read_message(raw)

    assert growth(make) < 2
