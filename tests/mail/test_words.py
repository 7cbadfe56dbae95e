"""Header bytes to text: RFC 2047, charsets, and everything that mailers get wrong."""

import pytest

from mailtriage.mail.words import decode_charset, decode_words


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"  blanks around \t", "blanks around"),
        (b"folded\r\n here", "folded here"),
        (b"folded\n\there", "folded here"),
        (b"a\0b\x07c", "a b c"),
        (b"=?utf-8?B?w6XDpMO2?=", "åäö"),
        (b"=?ISO-8859-1?q?=E5_=E4?= x", "å ä x"),
        (b"x =?utf-8?q?y?= z", "x y z"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?=\r\n =?iso-8859-1?q?b?=", "ab"),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        # one letter cut in two words, in either encoding
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A5?=", "å"),
        (b"=?utf-8?B?w6?=\n =?utf-8?B?pQ==?=", "å"),
        (b"=?utf-8*sv?q?hej?=", "hej"),
        (b"=?utf-8?q?what??=", "what?"),
        (b"=?utf-8?q?two words?=", "two words"),
        (b"=?utf-8?q??=", ""),
        # broken ones stay as they came, or give what is in them
        (b"=?utf-8?B?YWJj", "=?utf-8?B?YWJj"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?B?YW!Jj?=", "abc"),
        (b"=?utf-8?B?YWJjZ?=", "abc"),
        (b"=?no-such-charset?q?=C3=A5?=", "å"),
        (b"=?zlib?B?YWJj?=", "abc"),
        (b"=?utf-7?q?+2AA-?=", "\ufffd"),
        # raw 8-bit
        ("Köp".encode(), "Köp"),
        ("Köp".encode("latin-1"), "Köp"),
        (b"\xed\xa0\x80", "í\xa0€"),
        (b"K\xf6p =?utf-8?q?=C3=A5?=", "Köp å"),
    ],
)
def test_decode_words(raw: bytes, text: str) -> None:
    assert decode_words(raw) == text


@pytest.mark.parametrize(
    ("data", "charset", "text", "ok"),
    [
        (b"abc", "utf-8", "abc", True),
        (b"abc", "no-such", "abc", True),
        ("å".encode(), "UTF8", "å", True),
        ("å".encode(), " 'utf-8' ", "å", True),
        (b"\xe5", "iso-8859-1", "å", True),
        (b"\x80", "iso-8859-1", "€", True),
        (b"\x81", "iso-8859-1", "\ufffd", False),
        (b"\xe5", "utf-8", "å", False),
        (b"\xe5", "us-ascii", "å", False),
        (b"\xe5", "", "å", False),
        ("å".encode(), "iso-8859-1", "å", False),
        ("ż".encode("iso-8859-2"), "ISO_8859-2", "ż", True),
        ("ż".encode("cp1250"), "windows-1250", "ż", True),
        ("ж".encode("koi8-r"), "koi8-r", "ж", True),
        ("你".encode("gb18030"), "gb2312", "你", True),
        ("が".encode("cp932"), "shift_jis", "が", True),
        ("가".encode("cp949"), "ks_c_5601-1987", "가", True),
        ("abc".encode("utf-16"), "utf-16", "abc", True),
        (b"abc", "utf-16", "abc", False),
        (b"+AOU-", "utf-7", "å", True),
        ("你".encode("gb18030") + b"\xff", "gb2312", "你\ufffd", False),
    ],
)
def test_decode_charset(data: bytes, charset: str, text: str, ok: bool) -> None:
    assert decode_charset(data, charset) == (text, ok)


@pytest.mark.parametrize(
    "codec", ["zlib", "bz2", "hex", "base64", "rot13", "uu", "quopri", "idna", "punycode",
              "unicode_escape", "raw_unicode_escape", "undefined", "x" * 5000, "\0", "../etc"],
)  # fmt: skip
def test_codecs_that_are_no_charset_are_not_used(codec: str) -> None:
    assert decode_charset("blåbär".encode(), codec) == ("blåbär", False)


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "utf-16-le", "utf-32", "utf-8", "cp932"])
def test_no_lone_surrogates(charset: str) -> None:
    for data in (
        b"+2AA-",
        b"\x00\xd8a\x00",
        b"\x00\xd8\x00\x00",
        b"\xed\xa0\x80",
        bytes(range(256)),
    ):
        decode_charset(data, charset)[0].encode("utf-8")
