"""The last look at a finished message: one fault put in, one fault found."""

import pytest

from mailtriage.acks.lint import MAX_SIZE, faults, html_faults

GOOD = b"""\
From: Desk Support <help@desk.example>
To: joe@customer.example
Subject: Received: Where is my parcel?
Date: Mon, 23 Nov 2026 09:12:00 +0100
Message-ID: <ack.aaaa.bbbb@desk.example>
In-Reply-To: <m1@customer.example>
References: <m0@customer.example>
 <m1@customer.example>
Auto-Submitted: auto-replied
X-Auto-Response-Suppress: All
X-Mailtriage-Loop: aaaa.bbbb
X-Mailtriage-Ref: K7Q2-M4
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable
MIME-Version: 1.0
Content-Language: en

Hello,

your message has reached us.
""".replace(b"\n", b"\r\n")

ALTERNATIVE = (
    GOOD.replace(
        b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n',
        b'Content-Type: multipart/alternative; boundary="=_b"\r\n',
    ).partition(b"\r\n\r\n")[0]
    + b"""

--=_b
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Hello
--=_b
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: quoted-printable
MIME-Version: 1.0

<p>Hello</p>
--=_b--
""".replace(b"\n", b"\r\n")
)


def with_field(line: bytes) -> bytes:
    return line + b"\r\n" + GOOD


def replaced(old: bytes, new: bytes, message: bytes = GOOD) -> bytes:
    assert old in message
    return message.replace(old, new, 1)


def test_a_good_message_has_no_fault() -> None:
    assert faults(GOOD) == ()
    assert faults(ALTERNATIVE) == ()


@pytest.mark.parametrize(
    "line",
    [
        b"List-Id: <x.desk.example>",
        b"List-Unsubscribe: <https://desk.example/u>",
        b"Disposition-Notification-To: help@desk.example",
        b"Return-Receipt-To: help@desk.example",
        b"Errors-To: help@desk.example",
        b"X-Priority: 1",
        b"Cc: other@customer.example",
        b"Bcc: other@customer.example",
        b"Sender: help@desk.example",
        b"Precedence: junk",
        b"Subject: another",
        b"Auto-Submitted: auto-replied",
    ],
)
def test_no_field_but_those_of_an_acknowledgement_and_each_once(line: bytes) -> None:
    assert len(faults(with_field(line))) == 1


def test_precedence_bulk_is_allowed() -> None:
    assert faults(with_field(b"Precedence: bulk")) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Auto-Submitted: auto-replied", b"Auto-Submitted: auto-replied; owner-email=a@b.example"),
        (b"Auto-Submitted: auto-replied", b"Auto-Submitted: auto-generated"),
        (b"Auto-Submitted: auto-replied\r\n", b""),
        (b"Suppress: All", b"Suppress: None"),
        (b"To: joe@customer.example", b"To: joe@customer.example, ann@customer.example"),
        (b"To: joe@customer.example", b"To: friends: joe@customer.example, a@b.example;"),
        (b"From: Desk Support <help@desk.example>", b"From: help@desk.example, a@desk.example"),
        (b"<m1@customer.example>\r\nReferences", b"m1@customer.example\r\nReferences"),
        (b"Content-Language: en", b"Content-Language: en-US"),
        (b"Subject: Received", b"Subject: R\xc3\xa9ceived"),
        (b"Subject: Received", b"Subject: =?utf-8?q?" + b"a" * 70 + b"?="),
        (b"Hello", b"H\xc3\xa9llo"),
        (b"Hello,\r\n", b"Hello,\n"),
        (b"Hello,\r\n", b"Hello,\r"),
        (b"Hello", b"H\0llo"),
        (b"Hello", b"x" * 999),
        (b"Hello", b"x\r\n" * (MAX_SIZE // 3)),
        (b"Hello,\r\n\r\nyour message has reached us.\r\n", b"\r\n"),
        (b"text/plain", b"text/html"),
        (b'charset="utf-8"', b'charset="iso-8859-1"'),
        (b"Encoding: quoted-printable", b"Encoding: base64"),
        (b"Subject: Received", b"Subject Received"),
    ],
)
def test_one_thing_wrong_is_found(old: bytes, new: bytes) -> None:
    assert faults(replaced(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"text/html", b"text/plain"),
        (b"<p>Hello</p>", b'<img src=3D"https://x.example/p.gif">'),
        (b"\r\n--=_b--", b"\r\n--=_b\r\nContent-Type: application/pdf\r\n\r\nx\r\n--=_b--"),
        (b"--=_b--\r\n", b""),
        (b"MIME-Version: 1.0\r\n\r\n<p>", b"Content-Disposition: attachment\r\n\r\n<p>"),
        (b"multipart/alternative", b"multipart/mixed"),
    ],
)
def test_only_text_then_html(old: bytes, new: bytes) -> None:
    assert faults(replaced(old, new, ALTERNATIVE))


def test_utf_8_stands_in_no_field_but_to() -> None:
    assert faults(replaced(b"To: joe@", "To: jörg@".encode())) == ()
    assert faults(replaced(b"To: joe@", b"To: j\xf6rg@"))
    assert faults(replaced(b"<help@", "<hülfe@".encode()))


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "<p onclick='x()'>a</p>",
        "<form action='https://x.example'><input name=a></form>",
        "<iframe src='https://x.example'></iframe>",
        "<a href='http://x.example'>a</a>",
        "<a href='java&#115;cript:x()'>a</a>",
        "<p style='background:url(https://x.example/p)'>a</p>",
        "<table background='https://x.example/p'></table>",
        "<!--[if mso]><img src=x><![endif]-->",
        "<link rel=stylesheet href='https://x.example/c.css'>",
        "<meta http-equiv=refresh content='0;url=https://x.example'>",
        "<svg/onload=x()>",
        "<?php x ?>",
    ],
)
def test_html_with_anything_that_is_loaded_run_or_sent(markup: str) -> None:
    assert html_faults(markup)


def test_html_of_text_and_links() -> None:
    assert not html_faults(
        "<!DOCTYPE html><html lang='en' dir='ltr'><body><h2>A &amp; B</h2><p style='color: #333'>"
        "<a href='https://desk.example/?a=1&amp;b=2'>x</a> <a href='tel:+4930'>y</a></p></body></html>"
    )
