"""What a bounce says (RFC 3464) that came back to the address an update or a survey was sent from.

Vacation programs and people answer to that address, too (RFC 3834 section 4). So only a report in
the standard form counts, and of that only a failure for good: in doubt the address is not marked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from mailtriage.mail.fields import parse_mime_field, split_fields
from mailtriage.mail.model import Mail

_REPORT: Final = "delivery-status"
_PARTS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_MOST_PARTS: Final = 10
_MOST_STATUS: Final = 64 * 1024
"""Octets of the machine-readable part that are looked at."""
_MOST_RECIPIENTS: Final = 50
_MOST_ADDRESS: Final = 320  # RFC 3696 section 3: 64 + 1 + 255
_BLANK: Final = re.compile(rb"\r?\n[ \t]*\r?\n")
_STATUS: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
# RFC 3463 section 2, within what the refusing server said: "550 5.1.1 no such user".
_SAID: Final = re.compile(r"\b5\d\d[ -](5\.\d{1,3}\.\d{1,3})(?!\d)")

# RFC 3463 section 3. Not the sender's address (5.1.7, 5.1.8; 5.1.0 as well, by which some servers
# mean it), nor what will pass or is about the mail: a full mailbox (5.2.2), a mail too long
# (5.2.3), a list (5.2.4), a filter (5.7.1).
_NO_SUCH_ADDRESS: Final = frozenset({
    "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.0", "5.2.1", "5.4.4",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report of a mail system about a mail of ours."""

    result: Literal["failed", "temporary", "delivered", "no-report", "unreadable"]
    """Failed: for good. Temporary: later, perhaps. No-report: an automatic reply, or a person's."""
    status: str = ""
    """Of the failure, "5.1.1" (RFC 3463); empty: none is named."""
    recipients: tuple[str, ...] = ()
    """Addresses, lower case, of which it says that there is no such mailbox."""


def read_bounce(sender: str, mail: Mail, body: bytes) -> Bounce:
    """What came back. `sender`: its reverse-path; `body`: as received, perhaps cut. Never raises.

    A mail with a reverse-path is no report (RFC 3464 section 2: the null reverse-path).
    """
    kind = parse_mime_field(mail.headers.raw("Content-Type"))
    if sender or kind.value != "multipart/report" or kind.token("report-type").lower() != _REPORT:
        return Bounce("no-report")
    status = _status_part(kind.parameters.get("boundary", ""), body)
    groups = [_fields(group) for group in _BLANK.split(status)[: _MOST_RECIPIENTS + 1]]
    told = [group for group in groups if "action" in group]
    failed = [group for group in told if _action(group) == "failed"]
    codes = [_code(group) for group in failed]
    for_good = [code for code in codes if code.startswith("5.")]
    if for_good:
        both = zip(failed, codes, strict=True)
        gone = (group for group, code in both if code in _NO_SUCH_ADDRESS)
        addresses = dict.fromkeys(address for group in gone for address in _addresses(group))
        return Bounce("failed", for_good[0], tuple(addresses))
    if failed or any(_action(group) == "delayed" for group in told):
        return Bounce("temporary", codes[0] if codes else "")
    return Bounce("delivered" if told else "unreadable")


def _status_part(boundary: str, body: bytes) -> bytes:
    """The part for programs; empty when there is none."""
    if not boundary:
        return b""
    line = b"\n--" + boundary.encode("utf-8", "replace")
    for part in (b"\n" + body).split(line, _MOST_PARTS)[1:]:
        # What is left of the boundary's own line.
        _, _, content = part.partition(b"\n")
        fields, begins, _ = split_fields(content)
        kinds = [value for name, value in fields if name.lower() == b"content-type"]
        if kinds and parse_mime_field(kinds[0]).value in _PARTS:
            return content[begins : begins + _MOST_STATUS].lstrip(b"\r\n")
    return b""


def _fields(group: bytes) -> dict[str, str]:
    fields, _, _ = split_fields(group)
    return {
        name.decode("latin-1").lower(): " ".join(value.decode("utf-8", "replace").split())
        for name, value in fields
    }


def _action(group: dict[str, str]) -> str:
    return group["action"].partition(" ")[0].lower()


def _code(group: dict[str, str]) -> str:
    """Status of a recipient. Some servers write no more than 5.0.0 there, and what was said in the
    next field."""
    found = _STATUS.search(group.get("status", ""))
    code = found[0] if found else ""
    said = _SAID.search(group.get("diagnostic-code", ""))
    return said[1] if said is not None and code in ("", "5.0.0") else code


def _addresses(group: dict[str, str]) -> Iterator[str]:
    for name in ("original-recipient", "final-recipient"):
        kind, _, address = group.get(name, "").partition(";")
        address = address.strip().strip("<>").lower()
        is_mail = kind.strip().lower() in ("rfc822", "utf-8")
        if is_mail and "@" in address and len(address) <= _MOST_ADDRESS:
            yield address
