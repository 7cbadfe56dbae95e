"""One Authentication-Results field (RFC 8601), read with the library authres.

The library raises on what it cannot parse, and real fields hold much of that: a semicolon at the
end, IPv6 addresses without quotes, Microsoft's bare domain between two results. So each result is
given to it alone, without its comments, and one that it cannot read leaves the others be.

What is read here was written by servers that we trust, yet holds pieces that the sender chose: the
reverse-path, the names of signers. Whatever looks as if such a piece had broken out of its place
loses its domain, and authenticates nothing.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import authres
import authres.arc
import authres.dmarc

from mailtriage.acks.domains import to_ascii

MAX_FIELD: Final = 8 * 1024
"""Bytes; a longer field says nothing."""
MAX_RESULTS: Final = 20
MAX_RESULT: Final = 1000
"""Characters."""
MAX_EQUALS: Final = 12
"""In one result. Of one that is longer or has more, only method and outcome are read: the library
takes its time, some 0.1 ms a property."""

_LIBRARY: Final = authres.FeatureContext(authres.arc, authres.dmarc)
_ERRORS: Final = (authres.AuthResError, ValueError)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EDGE: Final = re.compile(r'\\.|[()";]', re.DOTALL)
_EQUALS: Final = re.compile(r" ?= ?")
_BRACKETS: Final = re.compile(r"=<([^<> ]*)>")
_DOMAIN: Final = re.compile(r'[^\s=;@"<>]+')
_WANTED: Final = re.compile(r"(?:spf|dkim|dmarc|arc) ?[=/]", re.IGNORECASE)
_METHOD_AND_RESULT: Final = re.compile(r"[a-z]+ ?(?:/ ?[0-9]+)?=[a-z]+", re.IGNORECASE)
# Signatures, selectors, addresses of clients (the library stumbles over IPv6 without quotes) and
# local parts: out, and the results of one domain are alike from mail to mail.
_UNUSED: Final = re.compile(
    r" (?!(?:smtp\.(?:mailfrom|helo)|header\.(?:from|as-d|d|i))=)[a-z]+\.[a-z-]+=[^ ]*",
    re.IGNORECASE,
)
_LOCAL_PART: Final = re.compile(r"=[^ ]*@")


@dataclass(frozen=True, slots=True)
class Result:
    """One result of one method."""

    method: str
    """spf, dkim, dmarc or arc: others are left out."""
    result: str
    """Lower case: pass, fail, ..."""
    properties: tuple[tuple[str, str], ...] = ()
    """("header.d", "customer.example"), in order; names in lower case. Of use to us and for sure
    there: smtp.mailfrom, smtp.helo, header.d, header.i, header.from, header.as-d."""

    def value(self, name: str) -> str | None:
        """The value of a property; None when it is missing, empty when two contradict."""
        values = {value for known, value in self.properties if known == name}
        if not values:
            return None
        return values.pop() if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Results:
    """One field."""

    authserv_id: str
    """Lower case."""
    results: tuple[Result, ...]
    """Empty for "none", and when none of them can be read."""


def parse_results(raw: bytes) -> Results | None:
    """What a field body says; None when it does not even say who is speaking, is of a version other
    than 1, or longer than 8 KB. Never raises."""
    if len(raw) > MAX_FIELD:
        return None
    text = raw.decode("utf-8", "replace")
    if _CONTROL.search(text):
        return None
    clauses = _clauses(_EQUALS.sub("=", " ".join(text.split())))
    # An authserv-id is compared without regard to case, and "K" (Kelvin) is a k then: what the
    # border took for another's id, and let pass, must not become ours here.
    if not clauses or not clauses[0].text.isascii():
        return None
    authserv_id = _authserv_id(clauses[0].text)
    if not authserv_id:
        return None
    wanted = [clause for clause in clauses[1:] if _WANTED.match(clause.text)][:MAX_RESULTS]
    found = (_result(clause) for clause in wanted)
    return Results(authserv_id, tuple(result for result in found if result is not None))


def domain_of(value: str | None) -> str:
    """The domain of a property's value, an address ("joe@customer.example"), an AUID
    ("@customer.example") or a bare domain; lower case, A-labels; empty when there is none."""
    return to_ascii((value or "").rpartition("@")[2])


@dataclass(frozen=True, slots=True)
class _Clause:
    """What stands between two semicolons, without comments."""

    text: str
    doubtful: bool
    """Whether a comment begins right behind a value: "header.d=bank.example(.evil.example)" is how
    a signer of that odd name passes for bank.example (CVE-2020-12272)."""


def _clauses(text: str) -> list[_Clause]:
    """The clauses of a field, or none when a quote or a comment is never closed."""
    clauses: list[_Clause] = []
    kept: list[str] = []
    doubtful = quoted = False
    depth = start = 0
    for edge in _EDGE.finditer(text):
        mark = edge[0]
        if quoted:
            quoted = mark != '"'
        elif mark == "(":
            if depth == 0:
                kept.append(text[start : edge.start()])
                doubtful = doubtful or _ends_in_value(kept[-1])
            depth += 1
        elif mark == ")" and depth:
            depth -= 1
            if depth == 0:
                start = edge.end()
        elif depth:
            continue
        elif mark == '"':
            quoted = True
        elif mark == ";":
            clauses.append(_Clause(" ".join([*kept, text[start : edge.start()]]).strip(), doubtful))
            kept, doubtful, start = [], False, edge.end()
    if quoted or depth:
        return []
    clauses.append(_Clause(" ".join([*kept, text[start:]]).strip(), doubtful))
    return clauses


def _ends_in_value(text: str) -> bool:
    name, _, value = text.rpartition(" ")[2].partition("=")
    return "." in name and bool(value)


@lru_cache(maxsize=256)
def _authserv_id(text: str) -> str:
    try:
        parsed = _LIBRARY.parse_value(f"{text}; none")
    except _ERRORS:
        return ""
    name: str = parsed.authserv_id
    return name


def _result(clause: _Clause) -> Result | None:
    text = "" if clause.doubtful or len(clause.text) > MAX_RESULT else _in_short(clause.text)
    parsed = _parse_one(text) if text.count("=") <= MAX_EQUALS else None
    if parsed is None:
        # What it found still counts, for "dmarc=fail" forbids; for whom it found it is not known.
        match = _METHOD_AND_RESULT.match(clause.text)
        parsed = _parse_one(match[0]) if match else None
    return parsed


def _in_short(text: str) -> str:
    text = _BRACKETS.sub(r"=\1", text)
    if '"' not in text:
        text = _LOCAL_PART.sub("=@", _UNUSED.sub("", text))
    return text if text.isascii() else _DOMAIN.sub(lambda match: to_ascii(match[0]), text)


@lru_cache(maxsize=2048)
def _parse_one(text: str) -> Result | None:
    try:
        parsed = _LIBRARY.parse_value(f"id; {text}").results
    except _ERRORS:
        return None
    # RFC 8601 section 2.2: a method of another version is another method.
    if len(parsed) != 1 or parsed[0].version not in {None, "1"}:
        return None
    properties = tuple(
        (f"{one.type}.{one.name}", str(one.value or "")) for one in parsed[0].properties
    )
    return Result(parsed[0].method, parsed[0].result, properties)
