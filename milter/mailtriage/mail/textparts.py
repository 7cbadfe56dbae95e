"""The text of one MIME part: transfer encoding, charset, format=flowed; as much as is needed."""

import binascii
import re
from typing import Final

from mailtriage.mail.fields import MimeField
from mailtriage.mail.words import base64_lenient, decode_charset

# Decoded bytes that are read for each character of text that is wanted: UTF-8 of most scripts needs
# at most three, HTML of mail clients some three to five more in markup.
_BYTES_PER_CHAR: Final = 3
_BYTES_PER_HTML_CHAR: Final = 4

_META_CHARSET: Final = re.compile(rb"<meta[^<>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([\w.:-]{1,40})")
_BEGIN_UTF8_TAIL: Final = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")


def part_text(
    content: bytes, content_type: MimeField, encoding: bytes, max_chars: int, *, is_html: bool
) -> tuple[str, tuple[str, ...]]:
    """Text of a part in Unicode with "\\n" line ends, and the ids of what was broken in it.

    content: the part's body as it stands in the mail. encoding: the Content-Transfer-Encoding field
    body. HTML comes back as HTML. Reads no more of `content` than `max_chars` characters may need.
    """
    defects: list[str] = []
    wanted = max_chars * (_BYTES_PER_HTML_CHAR if is_html else _BYTES_PER_CHAR)
    data, cut = _decode_transfer(content, encoding, wanted, defects)
    if len(data) > wanted:
        data, cut = data[:wanted], True
    if cut:
        data = _BEGIN_UTF8_TAIL.sub(b"", data)
    charset = content_type.token("charset")
    if is_html and not charset:
        meta = _META_CHARSET.search(data[:2048].lower())
        charset = meta[1].decode("ascii", "replace") if meta else ""
    text, fits = decode_charset(data, charset or "us-ascii")
    if not fits and not cut:
        defects.append("charset")
    if "\0" in text:
        defects.append("nul")
        text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.removeprefix("\ufeff")
    if not is_html and content_type.token("format").lower() == "flowed":
        text = unflow(text, delete_space=content_type.token("delsp").lower() == "yes")
    return text, tuple(defects)


def _decode_transfer(
    content: bytes, encoding: bytes, wanted: int, defects: list[str]
) -> tuple[bytes, bool]:
    """`content` without its transfer encoding, and whether its end was left out."""
    name = encoding.strip().lower()
    if name.startswith(b"base64"):
        # 4 letters for 3 bytes, and at least one line end in each 76.
        head = content[: wanted * 3 // 2]
        data, well_formed = base64_lenient(head)
        cut = len(head) < len(content)
        if not well_formed and not cut:
            defects.append("base64")
        return data, cut
    if name.startswith(b"quoted-printable"):
        head = content[: wanted * 3]
        return (binascii.a2b_qp(head) if b"=" in head else head), len(head) < len(content)
    return content[:wanted], len(content) > wanted


def unflow(text: str, *, delete_space: bool = False) -> str:
    """format=flowed text (RFC 3676) with its paragraphs put together again.

    Lines of one quote depth are joined where the first ends in a blank; "-- " never flows. Space
    stuffing is taken off.
    """
    if " \n" not in text:
        return text
    out: list[str] = []
    open_depth = -1  # quote depth of a paragraph that goes on in the next line; -1: none
    pieces: list[str] = []
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        if pieces and depth != open_depth:
            out.append(_flowed(pieces, open_depth))
            pieces = []
        flows = content.endswith(" ") and content != "-- "
        if content == "-- " and pieces:
            out.append(_flowed(pieces, open_depth))
            pieces = []
        pieces.append(content[:-1] if flows and delete_space else content)
        open_depth = depth
        if not flows:
            out.append(_flowed(pieces, depth))
            pieces = []
    if pieces:
        out.append(_flowed(pieces, open_depth))
    return "\n".join(out)


def _flowed(pieces: list[str], depth: int) -> str:
    text = "".join(pieces)
    return ">" * depth + " " + text if depth else text
