"""Header fields out of bytes, the way Postfix splits them, and the parameters of MIME fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from mailtriage.mail.words import decode_charset, decode_words

# A run of header lines. As in Postfix's is_header(): a name of printable ASCII, blanks allowed
# before the colon; any other line ends the header, blank or not. A continuation begins with a blank
# (RFC 5322 §2.2.3). Possessive throughout: every byte is looked at once.
_BLOCK: Final = re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\n]*+(?:\n|\Z)(?:[ \t][^\n]*+(?:\n|\Z))*+)*+")
_FIELD: Final = re.compile(rb"([!-9;-~]++)[ \t]*+:[ \t]?((?:[^\n]*+\n[ \t])*+[^\n]*+)\n?")
_MBOX_LINE: Final = re.compile(rb">?From [^\n]*+\n")

_PARAMETER: Final = re.compile(
    r'[; ] ?([^ =;"]{1,80}) ?= ?(?:"((?:[^"\\]|\\.)*+)"?|([^;"]*+))', re.DOTALL
)
_QUOTED_PAIR: Final = re.compile(r'\\(["\\])')
_PATH: Final = re.compile(r".*[/\\]", re.DOTALL)
_MAX_NAME: Final = 255
_MAX_FIELD: Final = 8 * 1024


def split_fields(
    data: bytes, start: int = 0, end: int | None = None
) -> tuple[list[tuple[bytes, bytes]], int, bool]:
    """Header fields of `data[start:end]`, where the body begins, and whether a blank line is there.

    Each field is its name and its body, without the one blank after the colon; folds keep their
    line ends, LF or CRLF.
    """
    stop = len(data) if end is None else end
    block = _BLOCK.match(data, start, stop)
    block_end = block.end() if block else start
    fields = _FIELD.findall(data, start, block_end)
    if data.startswith(b"\n", block_end):
        return fields, min(block_end + 1, stop), True
    if data.startswith(b"\r\n", block_end):
        return fields, min(block_end + 2, stop), True
    return fields, block_end, block_end >= stop


def skip_mbox_line(data: bytes) -> int:
    """Where the header begins: behind the "From " line that mbox files put on top."""
    line = _MBOX_LINE.match(data)
    return line.end() if line else 0


@dataclass(frozen=True, slots=True)
class MimeField:
    """A structured MIME field: Content-Type, Content-Disposition."""

    value: str = ""
    """What stands before the first parameter, in lower case: "text/plain", "attachment"."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case, RFC 2231 continuations joined and charsets decoded."""

    def token(self, name: str) -> str:
        """A parameter that is one word, such as charset; empty when missing."""
        value = self.parameters.get(name, "")
        # "charset=us-ascii (Plain ASCII)" and "charset='utf-8'" are both seen.
        return value.split(None, 1)[0].strip("'\"") if value.strip() else ""


_EMPTY_FIELD: Final = MimeField()


def parse_mime_field(raw: bytes) -> MimeField:
    """A MIME field body with its parameters. Never raises; looks at the first 8 KB."""
    if not raw:
        return _EMPTY_FIELD
    # The same few dozen values ("text/plain; charset=UTF-8") stand in nearly all parts there are.
    return _parse_cached(raw) if len(raw) <= 100 else _parse(raw[:_MAX_FIELD])


def _parse(raw: bytes) -> MimeField:
    text = " ".join(decode_charset(raw, "utf-8")[0].split())
    cut = len(text)
    for separator in "; ":
        found = text.find(separator)
        if 0 <= found < cut:
            cut = found
    value = text[:cut].lower().strip("\"'")
    if cut == len(text):
        return MimeField(value)
    plain: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for match in _PARAMETER.finditer(text, cut):
        name = match[1].lower()
        content = match[3].strip() if match[2] is None else _QUOTED_PAIR.sub(r"\1", match[2])
        if "*" in name:
            name, _, section = name.partition("*")
            index = section.rstrip("*")
            if not index or (index.isdecimal() and len(index) <= 3):
                sections.setdefault(name, []).append(
                    (int(index or "0"), name == "" or match[1].endswith("*"), content)
                )
        else:
            plain.setdefault(name, content)
    for name, parts in sections.items():
        plain[name] = _join_sections(parts)
    return MimeField(value, plain)


_parse_cached: Final = lru_cache(maxsize=512)(_parse)


def _join_sections(parts: list[tuple[int, bool, str]]) -> str:
    """RFC 2231 §3 and §4: numbered pieces, some percent-encoded, the first with a charset."""
    parts.sort(key=lambda part: part[0])
    charset = "utf-8"
    first_number, first_encoded, first = parts[0]
    if first_encoded and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
        parts[0] = (first_number, True, first)
    joined = b"".join(
        unquote_to_bytes(content) if encoded else content.encode("utf-8", "replace")
        for _, encoded, content in parts
    )
    return decode_charset(joined, charset)[0]


def file_name(disposition: MimeField, content_type: MimeField) -> str:
    """The name the sender gave a part, without path and control characters; empty when none."""
    name = disposition.parameters.get("filename") or content_type.parameters.get("name") or ""
    if "=?" in name:
        # RFC 2047 §5 forbids encoded words here; most mailers write them all the same.
        name = decode_words(name.encode("utf-8", "replace"))
    name = _PATH.sub("", name)
    if not name.isprintable():
        name = "".join(char for char in name if char.isprintable())
    return name.strip()[:_MAX_NAME]
