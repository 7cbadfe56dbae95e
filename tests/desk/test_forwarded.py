"""The headers of mails that are attached to a mail: found however they are attached, and bounded."""

import base64
import os
import time

import pytest

from mailtriage.desk.forwarded import MOST_MESSAGES, attached_headers

MAIL = (
    b"From: joe@customer.example\r\nMessage-ID: <m1@customer.example>\r\n"
    b"Subject: x\r\n\r\nHello\r\n"
)
TYPE = b"multipart/mixed; boundary=b"


def attached(kind: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + content


def parts(*several: bytes, mark: bytes = b"b") -> bytes:
    return (
        b"".join(b"--" + mark + b"\r\n" + one + b"\r\n" for one in several)
        + b"--"
        + mark
        + b"--\r\n"
    )


def ids(body: bytes, kind: bytes = TYPE) -> list[str]:
    found = []
    for fields in attached_headers(kind, body):
        named = {name.lower(): value.strip() for name, value in fields}
        found.append(named.get(b"message-id", b"").decode())
    return found


MESSAGE = attached(b"message/rfc822", MAIL)
TEXT = attached(b"text/plain", b"For you.\r\n")


@pytest.mark.parametrize(
    "body",
    [
        parts(TEXT, MESSAGE),
        parts(MESSAGE, TEXT),
        parts(TEXT, MESSAGE).replace(b"\r\n", b"\n"),
        b"This is a message in MIME.\r\n" + parts(TEXT, MESSAGE) + b"epilogue\r\n",
        parts(TEXT, MESSAGE).removesuffix(b"--b--\r\n"),  # the copy was cut
        parts(TEXT, attached(b"message/rfc822; name=x.eml", MAIL)),
        parts(TEXT, attached(b"message/global", MAIL)),
        parts(TEXT, attached(b'application/octet-stream; name="Re_ invoice.EML"', MAIL)),
        parts(
            TEXT,
            attached(
                b"message/rfc822", base64.encodebytes(MAIL), b"Content-Transfer-Encoding: base64\r\n"
            ),
        ),
        parts(attached(b"multipart/mixed; boundary=in", parts(MESSAGE, mark=b"in"))),
        parts(attached(b"multipart/digest; boundary=in", parts(b"\r\n" + MAIL, mark=b"in"))),
    ],
    ids=[
        "after the text", "before it", "bare LF", "preamble and epilogue", "cut", "with a name",
        "SMTPUTF8", "as a file", "base64", "a level deeper", "digest",
    ],
)  # fmt: skip
def test_an_attached_mail_is_found(body: bytes) -> None:
    assert ids(body) == ["<m1@customer.example>"]


def test_several_are_found_in_their_order() -> None:
    several = [attached(b"message/rfc822", MAIL.replace(b"m1", b"m%d" % one)) for one in range(4)]
    assert ids(parts(TEXT, *several)) == [f"<m{one}@customer.example>" for one in range(4)]


def test_what_is_attached_to_the_attached_mail_is_its_own_affair() -> None:
    inner = attached(b"message/rfc822", MAIL.replace(b"m1", b"inner"))
    outer = (
        b"Message-ID: <outer@customer.example>\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
        + parts(TEXT, inner, mark=b"in")
    )
    assert ids(parts(TEXT, attached(b"message/rfc822", outer))) == ["<outer@customer.example>"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"text/plain", MAIL),
        (b"text/plain", parts(MESSAGE)),
        (b"multipart/mixed", parts(MESSAGE)),
        (b"multipart/mixed; boundary=other", parts(MESSAGE)),
        (TYPE, b""),
        (TYPE, parts(TEXT, attached(b"text/plain", MAIL))),
        (b"", b""),
    ],
)
def test_nothing_else_is_an_attached_mail(kind: bytes, body: bytes) -> None:
    assert ids(body, kind) == []


def test_a_base64_that_a_body_check_took_to_pieces_is_read_as_far_as_it_goes() -> None:
    coded = base64.encodebytes(MAIL * 3).replace(b"\n", b"\r\n", 1)
    body = parts(
        attached(b"message/rfc822", coded[:-9] + b"*", b"Content-Transfer-Encoding: base64\r\n")
    )
    assert ids(body) == ["<m1@customer.example>"]


def test_not_more_than_so_many() -> None:
    assert len(ids(parts(*[MESSAGE] * (MOST_MESSAGES + 20)))) == MOST_MESSAGES


def test_not_deeper_than_so_deep() -> None:
    body, kind = MESSAGE, b""
    for level in range(10):
        mark = b"m%d" % level
        kind = b"multipart/mixed; boundary=" + mark
        body = attached(kind, parts(body, mark=mark))
    assert ids(body.partition(b"\r\n\r\n")[2], kind) == []


def test_random_bytes_harm_nothing() -> None:
    for _ in range(200):
        noise = os.urandom(300)
        assert len(ids(parts(TEXT, noise, MESSAGE))) <= 2


@pytest.mark.parametrize(
    "piece", [b"--b\r\n", b"--b", b"--bx\r\n", b"--b\r\nContent-Type: message/rfc822\r\n\r\n"]
)
def test_the_work_grows_with_the_size_and_no_faster(piece: bytes) -> None:
    def cost(size: int) -> float:
        body = piece * (size // len(piece))
        best = float("inf")
        for _ in range(3):
            begun = time.perf_counter()
            ids(body)
            best = min(best, time.perf_counter() - begun)
        return best

    small, large = cost(256 * 1024), cost(1024 * 1024)
    assert large < 10 * max(small, 0.002)
