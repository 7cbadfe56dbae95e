"""Reads the cases of tests/acks/cases: a mail as it would come, and the rule that must decide.

Their form is described in tests/acks/cases/README.md, for people who know mail and not Python.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CASES = Path(__file__).resolve().parents[1] / "acks" / "cases"

_TITLE = re.compile(r"=== (\S+) (.+)")
_PLAIN_BODY = "Hello, where is my parcel? I ordered it last week.\n"
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[tnr\\])")
_SIMPLE = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class AckCase:
    """One case, with everything that it leaves out filled in."""

    place: str
    """File, line and title, for the report of a test."""
    rule: str
    """The rule that the case is about."""
    expect: tuple[str, ...]
    announced: str
    sender: str
    recipients: tuple[str, ...]
    client: str
    login: str
    message: bytes
    toml: tuple[str, ...]
    history: dict[str, str]
    conversation: dict[str, str] | None
    triage: dict[str, str] = field(default_factory=dict)


def read_cases() -> list[AckCase]:
    """Every case of every file, in order."""
    return [case for file in sorted(CASES.glob("*.txt")) for case in _read_file(file)]


def _read_file(file: Path) -> Iterator[AckCase]:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("=== ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        block = "".join(lines[start + 1 : end]).rstrip("\n") + "\n"
        title = _TITLE.fullmatch(lines[start].rstrip("\n"))
        if title is None:
            raise ValueError(f"{file.name}:{start + 1}: write '=== RULE title'")
        place = f"{file.stem}:{start + 1} {title[1]} {title[2]}"
        each = re.search(r"^each:(.*)$", block.partition("\n\n")[0], re.MULTILINE)
        if each is None:
            yield _case(place, title[1], block)
            continue
        block = block.replace(each[0] + "\n", "", 1)
        for value in each[1].split(" | "):
            one = block.replace("{each}", value.strip())
            yield _case(f"{place} [{value.strip()}]", title[1], one)


def _case(place: str, rule: str, block: str) -> AckCase:
    head, _, mail = block.partition("\n\n")
    directives = [line for line in head.splitlines() if line.strip()]
    value: dict[str, str] = {}
    toml = []
    for line in directives:
        envelope = re.fullmatch(r"(MAIL FROM|RCPT TO):\s*(.*)", line)
        name, _, rest = line.partition(":")
        if envelope is not None:
            value[envelope[1]] = envelope[2]
        elif name == "config":
            toml.append(rest.strip())
        elif name in ("expect", "announced", "client", "login", "auth", "history", "triage",
                      "bare", "escapes"):  # fmt: skip
            value[name] = rest.strip()
        else:
            raise ValueError(f"{place}: no directive '{name}'")
    sender = _bracketed(value.get("MAIL FROM", "<joe@customer.example>"))[0]
    recipients = _bracketed(value.get("RCPT TO", "<help@desk.example>"))
    history, conversation = _history(value.get("history", ""))
    return AckCase(
        place=place,
        rule=rule,
        expect=tuple(value["expect"].split()),
        announced=value.get("announced", ""),
        sender=sender,
        recipients=tuple(recipients),
        client=value.get("client", "198.51.100.7"),
        login=value.get("login", ""),
        message=_message(mail, value, sender),
        toml=tuple(toml),
        history=history,
        conversation=conversation,
        triage=dict(part.split("=", 1) for part in value.get("triage", "").split()),
    )


def _bracketed(text: str) -> list[str]:
    return [found.strip() for found in re.findall(r"<([^<>]*)>", text)]


def _history(text: str) -> tuple[dict[str, str], dict[str, str] | None]:
    conversation = None
    inner = re.search(r"conversation\(([^)]*)\)", text)
    if inner is not None:
        text = text.replace(inner[0], "")
        conversation = dict(part.split("=", 1) for part in inner[1].split())
    return dict(part.split("=", 1) for part in text.split()), conversation


def _message(mail: str, value: dict[str, str], sender: str) -> bytes:
    header, separator, body = mail.partition("\n\n")
    header = header.strip("\n")
    if not separator or not body.strip("\n"):
        body = body if separator and body else _PLAIN_BODY
    lower = "\n" + header.lower()
    added = []
    if value.get("bare") != "yes":
        for name, default in (
            ("From", sender or "joe@customer.example"),
            ("To", "help@desk.example"),
            ("Subject", "Where is my parcel?"),
            ("Date", "Mon, 23 Nov 2026 09:00:00 +0100"),
            ("Message-ID", "<m1@customer.example>"),
        ):
            if f"\n{name.lower()}:" not in lower:
                added.append(f"{name}: {default}")
    whole = "\n".join(filter(None, (*_results(value, header, sender), header, *added)))
    text = f"{whole}\n\n{body}"
    if value.get("escapes") == "yes":
        text = _ESCAPE.sub(lambda found: _SIMPLE.get(found[1]) or chr(int(found[1][1:], 16)), text)
        return b"".join(_octets(char) for char in text)
    return text.encode("utf-8")


def _octets(char: str) -> bytes:
    # \x80 to \xff stand for that one byte; what is beyond was written as a letter.
    return bytes([ord(char)]) if ord(char) < 256 else char.encode("utf-8")


def _results(value: dict[str, str], header: str, sender: str) -> list[str]:
    auth = value.get("auth", "pass")
    if auth == "none":
        return []
    if auth != "pass":
        return [f"Authentication-Results: {auth}"]
    domain = sender.rpartition("@")[2] or "mail.customer.example"
    written = re.search(r"^from:.*?@([A-Za-z0-9.-]+)", header, re.IGNORECASE | re.MULTILINE)
    author = written[1] if written else domain
    return [
        (
            f"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom={domain};\n"
            f"\tdkim=pass header.d={author}; dmarc=pass header.from={author}"
        )
    ]
