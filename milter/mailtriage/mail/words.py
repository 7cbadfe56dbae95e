"""Text out of header bytes: charsets, unfolding and RFC 2047 encoded words.

Everything here returns text whatever comes in: a header nobody can decode must not stop a mail.
`email.header` raises on a truncated base64 word and on an unknown charset, and is some twenty times
slower on the plain ASCII that most headers are, hence this small decoder of our own.
"""

import binascii
import codecs
import re
from functools import lru_cache
from itertools import islice
from typing import Final

_FALLBACK: Final = "cp1252"

# Names seen in real mail that Python does not know, and names that mean a wider set in practice
# (WHATWG Encoding Standard §4.2: senders write ISO-8859-1 and mean windows-1252).
_MEANT: Final = {
    "": _FALLBACK,
    "ascii": "ascii",
    "us-ascii": "ascii",
    "iso646-us": "ascii",
    "ansi-x3.4-1968": "ascii",
    "7bit": "ascii",
    "8bit": "ascii",
    "binary": "ascii",
    "default": "ascii",
    "unknown-8bit": "ascii",
    "x-unknown": "ascii",
    "unicode-1-1-utf-8": "utf-8",
    "unicode": "utf-8",
    "utf": "utf-8",
    "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-1": _FALLBACK,
    "iso8859-1": _FALLBACK,
    "latin-1": _FALLBACK,
    "latin1": _FALLBACK,
    "l1": _FALLBACK,
    "ansi": _FALLBACK,
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "big5": "big5hkscs",
    "euc-kr": "cp949",
    "ks-c-5601-1987": "cp949",
    "ks-c-5601": "cp949",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-ce": "mac-latin2",
    "x-mac-cyrillic": "mac-cyrillic",
    "koi8-ru": "koi8-u",
}

# Codecs by Python's own name for them. A list of what is allowed, because `codecs.lookup` also
# knows decompressors ("zlib"), quadratic ones ("punycode") and ones for source code
# ("unicode_escape").
_TEXT_CODEC: Final = re.compile(
    r"ascii|utf-(?:7|8|16|32)(?:-[bl]e)?|iso8859-\d{1,2}|cp\d{3,4}|koi8-[rtu]|mac-(?!.*osx)[a-z0-9]+"
    r"|gb18030|gbk|gb2312|hz|big5(?:hkscs)?|euc_(?:jp|jis_2004|jisx0213|kr)|johab|kz1048|ptcp154"
    r"|shift_jis(?:_2004|x0213)?|iso2022_(?:jp(?:_[123]|_2004|_ext)?|kr)|hp-roman8|tis-620"
)

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

# RFC 2047 §2, wider where mailers are: any length, blanks and single "?" within the text. The three
# branches of the text cannot match the same character, and a word ends where the next one could
# begin ("=?" before anything but "="), so every byte is looked at once.
_ENCODED_WORD: Final = re.compile(
    rb"=\?([\w.:+-]{1,60})(?:\*[\w-]{0,40})?\?([bBqQ])\?"
    rb"((?:[^?=]++|=(?!\?[^=])|\?(?!=))*+)\?="
)
_HIGH_BYTES: Final = bytes(range(128, 256))
_MAX_WORDS: Final = 1000  # in one field; further ones stay as they came
_NOT_BASE64: Final = bytes(set(range(256)) - set(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
))  # fmt: skip

# What a header value cannot sensibly hold: C0 controls, DEL, C1 controls, line and paragraph
# separators. Each becomes a blank, so that no word grows together with the next.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@lru_cache(maxsize=256)
def _codec_name(charset: str) -> str | None:
    """Python's codec for a charset label, or None when it is unknown or no charset of text."""
    label = charset.strip(" \t\"'<>").lower().replace("_", "-")
    meant = _MEANT.get(label)
    if meant is not None:
        return meant
    if label.startswith("windows-"):
        label = "cp" + label[8:]
    elif label.startswith(("cp-", "win-")):
        label = "cp" + label.split("-", 1)[1]
    elif label.startswith("x-"):
        label = label[2:]
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError, UnicodeError):
        return None
    return name if _TEXT_CODEC.fullmatch(name) else None


def _utf8_or_windows(data: bytes) -> str:
    """UTF-8 if that is what most of the bytes beyond ASCII look like, else windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    as_utf8 = data.decode("utf-8", "replace")
    wrong = as_utf8.count("\ufffd")
    right = len(as_utf8) - wrong - len(data.translate(None, _HIGH_BYTES))
    return as_utf8 if right > wrong else data.decode(_FALLBACK, "replace")


def decode_charset(data: bytes, charset: str) -> tuple[str, bool]:
    """Text of `data`, and whether it really was in `charset`.

    charset: a label as it stands in a mail (RFC 2045 §5.1), in any case; empty when none was given.
    An unknown label, or bytes that do not fit it, fall back to UTF-8, then to windows-1252; bytes
    without a meaning become U+FFFD. The text never holds a lone surrogate. Never raises.
    """
    if data.isascii() and not _shifts(charset):
        return data.decode("ascii"), True
    codec = _codec_name(charset) if len(charset) <= 60 else None
    if codec is None:
        return _utf8_or_windows(data), False
    if codec in ("ascii", _FALLBACK):
        # Mailers that label UTF-8 as ISO-8859-1 are many; windows-1252 text of more than a letter
        # that happens to be valid UTF-8 is next to none.
        try:
            return data.decode("utf-8"), False
        except UnicodeDecodeError:
            text = data.decode(_FALLBACK, "replace")
            return text, codec == _FALLBACK and bool(charset) and "\ufffd" not in text
    if codec == "utf-8":
        try:
            return data.decode("utf-8"), True
        except UnicodeDecodeError:
            return _utf8_or_windows(data), False
    if codec.startswith(("utf-16", "utf-32")) and b"\0" not in data:
        return _utf8_or_windows(data), False
    ok = True
    try:
        text = data.decode(codec)
    except (UnicodeError, ValueError):
        ok = False
        try:
            return data.decode("utf-8"), False
        except UnicodeDecodeError:
            text = data.decode(codec, "replace")
    if codec.startswith("utf-"):
        # UTF-7 and UTF-16 of hostile senders can name half a surrogate pair.
        text = _LONE_SURROGATE.sub("\ufffd", text)
    return text, ok


@lru_cache(maxsize=256)
def _shifts(charset: str) -> bool:
    """True for charsets in which ASCII bytes mean something else (UTF-7, UTF-16, ISO-2022, HZ)."""
    codec = _codec_name(charset) if len(charset) <= 60 else None
    return codec is not None and codec.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz"))


def base64_lenient(data: bytes) -> tuple[bytes, bool]:
    """Bytes of base64 text, and whether it was well formed. Never raises.

    Bytes outside the alphabet are skipped, as RFC 2045 §6.8 asks; a cut last group gives what it
    holds.
    """
    try:
        return binascii.a2b_base64(data), True
    except binascii.Error:
        end = data.find(b"=")
        clean = (data if end < 0 else data[:end]).translate(None, _NOT_BASE64)
        spare = len(clean) % 4
        if spare == 1:
            clean = clean[:-1]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)), False


def plain_words(raw: bytes) -> str:
    """Header bytes outside encoded words: RFC 6532 UTF-8, or the 8-bit text of older mailers."""
    if raw.isascii():
        return raw.decode("ascii")
    return _utf8_or_windows(raw)


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"bB":
        return base64_lenient(text)[0]
    return binascii.a2b_qp(text, header=True)


def decode_words(raw: bytes) -> str:
    """A header value as text: unfolded, RFC 2047 encoded words decoded, controls turned to blanks.

    raw: the field body as bytes, folded or not. Neighbouring encoded words are joined (RFC 2047
    §6.2), and when both are in one charset so are their bytes, since many mailers cut a letter in
    two. Never raises; linear in the length of `raw`.
    """
    if b"\n" in raw:
        raw = raw.replace(b"\r", b"").replace(b"\n", b"")  # RFC 5322 §2.2.3: the blank stays
    text = _with_words_decoded(raw) if b"=?" in raw else plain_words(raw)
    if not text.isprintable():
        text = _CONTROLS.sub(" ", text)
    return text.strip(" ")


def _with_words_decoded(raw: bytes) -> str:
    out: list[str] = []
    pending: list[bytes] = []  # of encoded words in one charset that are not yet text
    charset = b""
    position = 0
    for word in islice(_ENCODED_WORD.finditer(raw), _MAX_WORDS):
        gap = raw[position : word.start()]
        position = word.end()
        blank_gap = not gap.strip()
        if pending and (not blank_gap or word[1].lower() != charset):
            out.append(decode_charset(b"".join(pending), charset.decode("ascii"))[0])
            pending.clear()
        if not blank_gap or not (out or pending):
            out.append(plain_words(gap))
        charset = word[1].lower()
        pending.append(_word_bytes(word[2], word[3]))
    if pending:
        out.append(decode_charset(b"".join(pending), charset.decode("ascii"))[0])
    out.append(plain_words(raw[position:]))
    return "".join(out)
