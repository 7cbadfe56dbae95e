"""What can be said of an answer that a human sends, without keeping any of it.

Its language is known already; here it is looked at for a greeting and a closing, and for links into
the knowledge base that lead nowhere. Of the answer, never of who wrote it.

Linear in the length of the text, and only its first and last lines are compared with words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import numpy.typing as npt

from mailtriage.knowledge.answer_words import Salutations, plain
from mailtriage.knowledge.text import base_language

MOST_LINKS: Final = 200
"""Different links of one answer that are looked at."""
MOST_SHOWN: Final = 3
MAX_SHOWN: Final = 200
"""Links that are named, and characters of each."""

_FIRST_LINES: Final = 3
_LAST_LINES: Final = 6
_BELOW: Final = 4
"""Lines of what was taken for a signature: programs put the closing there as well."""
_MAX_LINE: Final = 300
_AROUND: Final = " \t\xa0*_>#|-–—•\"'„“”«»,.!"
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+")
_URL: Final = re.compile(r"https?://[^\s<>\"'\\^`{|}\x00-\x1f]{1,2000}", re.IGNORECASE)
_BEHIND: Final = ".,;:!?*_)]»”’"
_INDEX: Final = re.compile(r"(?:/index)?(?:\.html?)?$")
_SAFE: Final = "%:!$&'()*+,=~-._"
_MAX_HOST: Final = 253
_HIDDEN: Final = "*"
# What no word and no number of a page looks like: a UUID, or 16 letters and digits in a row.
_SECRET: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![a-z0-9])(?=[a-z]*[0-9])[a-z0-9]{16}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Linked:
    """The links of an answer, each counted once."""

    links: int
    kb_links: int
    """To hosts of the knowledge base."""
    unknown: int
    """Of these, to pages that its index does not have."""
    unknown_links: tuple[str, ...]
    """The first of them, without query and fragment."""


class KnownPages:
    """The hosts of the knowledge base, and the pages in its index. Immutable."""

    def __init__(self, hosts: Iterable[str], pages: Iterable[str]) -> None:
        """hosts: names, as configured. pages: addresses; none: nothing is known of any page."""
        known = {_bare(host) for host in hosts}
        keys: set[int] = set()
        for page in pages:
            place = _place(page)
            if place is not None:
                known.add(place.host)
                keys.add(_key(place.host, place.path, place.query))
        self.hosts: Final = frozenset(known - {""})
        self._keys: Final[npt.NDArray[np.uint64]] = np.array(sorted(keys), np.uint64)

    def __len__(self) -> int:
        return int(self._keys.size)

    def look(self, text: str) -> Linked:
        """The links that stand in a text."""
        found: dict[str, None] = {}
        for match in _URL.finditer(text):
            found[match[0].rstrip(_BEHIND)] = None
            if len(found) >= MOST_LINKS:
                break
        places = [_place(url) for url in found]
        ours = {place: None for place in places if place is not None and place.host in self.hosts}
        unknown = [place for place in ours if not self._has(place)]
        shown = dict.fromkeys(place.shown for place in unknown)
        return Linked(len(found), len(ours), len(unknown), tuple(shown)[:MOST_SHOWN])

    def _has(self, place: "_Place") -> bool:
        """Also the start page of a host, which is no page of help."""
        if not self._keys.size or not place.path:
            return True
        # What stands behind "?" is mostly there to count visitors.
        return any(self._holds(_key(place.host, place.path, one)) for one in {place.query, ""})

    def _holds(self, key: int) -> bool:
        at = int(self._keys.searchsorted(np.uint64(key)))
        return at < self._keys.size and int(self._keys[at]) == key


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    path: str
    query: str
    shown: str


def has_greeting(newest: str, language: str, words: Mapping[str, Salutations]) -> bool:
    """Whether one of the first lines is a greeting. newest: what the agent wrote now. Of a language
    that there are no words for, those of all others count."""
    lines = _filled(newest.split("\n", 40)[:40])[:_FIRST_LINES]
    # "Liebe Grüße", "Beste groet" and "Cari saluti" begin as greetings do.
    return any(
        known.greeting.match(line) and not known.closing.match(line)
        for line in map(_plain, lines)
        for known in _of(language, words)
    )


def has_closing(newest: str, below: str, language: str, words: Mapping[str, Salutations]) -> bool:
    """Whether one of the last lines, or the last sentence, is a closing. below: what was taken for
    the signature; what stands under "-- " in it is the signature's own."""
    lines = _filled(newest.rsplit("\n", 40)[-40:])[-_LAST_LINES:]
    if lines:
        lines += _SENTENCE_END.split(lines[-1][-_MAX_LINE:])[1:]
    for line in _filled(below.split("\n", 20)[:20])[:_BELOW]:
        if line.rstrip() == "--":
            break
        lines.append(line)
    return any(
        known.closing.match(line) for line in map(_plain, lines) for known in _of(language, words)
    )


def _of(language: str, words: Mapping[str, Salutations]) -> Iterable[Salutations]:
    known = words.get(base_language(language))
    return words.values() if known is None else (known,)


def _filled(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _plain(line: str) -> str:
    return plain(line[:_MAX_LINE].strip(_AROUND))


def _place(url: str) -> _Place | None:
    """Where a URL leads; None when it cannot be read."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if not host or parts.scheme not in ("http", "https"):
        return None
    host = _ascii(host)
    path = _INDEX.sub("", unquote(parts.path)[: MAX_SHOWN * 10].rstrip("/")).rstrip("/")
    steps = "/".join(map(_shown, parts.path[: MAX_SHOWN * 2].split("/")))
    shown = f"{parts.scheme}://{host}{steps}"
    return _Place(_bare(host), path, parts.query, shown[:MAX_SHOWN])


def _shown(step: str) -> str:
    """A step of a path as it may be kept: no address, session or key, which may be a customer's."""
    step = step.partition(";")[0]
    if "@" in unquote(step) or _SECRET.search(step):
        return _HIDDEN
    return quote(step, safe=_SAFE, errors="replace")


def _ascii(host: str) -> str:
    """A host's name as DNS has it."""
    if host.isascii() or len(host) > _MAX_HOST:
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _bare(host: str) -> str:
    return _ascii(host.lower()).rstrip(".").removeprefix("www.")


def _key(host: str, path: str, query: str) -> int:
    text = f"{host}\0{path}\0{query}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(text, digest_size=8).digest())
