"""The lint that every header name and value must pass before it is ever sent.

Helpdesks look for robots in all header fields, some with patterns that search names and values
alike; one careless word of ours would make them drop customers' mail.
"""

import re
from collections.abc import Iterable
from typing import Final

from mailtriage.tags.vocabulary import MAX_VALUE

MAX_NAME: Final = 50

# Discourse searches every name and value for the first; FreeScout and others for the rest.
_ROBOT_WORDS: Final = re.compile(
    r"auto[-_]?(response|submitted|replied|reply|generated|respond)|holidayreply|machinegenerated",
    re.IGNORECASE,
)
# osTicket reads the first letter of every field whose name ends so, ours included.
_PRIORITY_NAME: Final = re.compile(r"(priority|importance)$", re.IGNORECASE)
_PRIORITY_VALUE: Final = re.compile(r"[uhnl1-6]", re.IGNORECASE)
_FORBIDDEN_NAMES: Final = re.compile(
    r"precedence|x-loop|x-no-loop|auto-submitted|x-autoreply|x-autorespond(er)?"
    r"|x-auto-response-suppress|mailing-list|list-.*|x-ms-exchange-.*",
    re.IGNORECASE,
)
# Underscores for the names of attributes that some helpdesks put into those of fields.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUE: Final = re.compile(r"[ -~]+")
_OUR_VALUE: Final = re.compile(r"[a-z0-9_=;, -]+")


def lint(name: str, value: str, *, ours: bool = True) -> list[str]:
    """What is wrong with a field that is about to be added to a mail; empty when nothing is.

    `ours` also asks for our own alphabet (tokens that are safe in patterns and filters).
    """
    faults = []
    if not _NAME.fullmatch(name):
        faults.append("the name is not made of letters, digits, '-' and '_'")
    if len(name) > MAX_NAME:
        faults.append(f"the name is longer than {MAX_NAME} characters")
    if len(value) > MAX_VALUE:
        faults.append(f"the value is longer than {MAX_VALUE} characters")
    if not _VALUE.fullmatch(value):
        faults.append("the value is not printable ASCII")
    elif ours and not _OUR_VALUE.fullmatch(value):
        faults.append("the value has characters outside [a-z0-9_=;, -]")
    if _ROBOT_WORDS.search(name) or _ROBOT_WORDS.search(value):
        faults.append("helpdesks take it for the mark of an automatic mail")
    if _FORBIDDEN_NAMES.fullmatch(name):
        faults.append("helpdesks take a field of this name for the mark of an automatic mail")
    if _PRIORITY_NAME.search(name) and not _PRIORITY_VALUE.match(value):
        faults.append("a priority starts with u, h, n, l or a digit from 1 to 6")
    return faults


def safe_fields(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Only the fields that can be sent: no CR, LF, NUL or 8-bit in name or value, none too long."""
    return tuple(
        (name, value)
        for name, value in fields
        if _NAME.fullmatch(name)
        and len(name) <= MAX_NAME
        and _VALUE.fullmatch(value)
        and len(value) <= MAX_VALUE
    )
