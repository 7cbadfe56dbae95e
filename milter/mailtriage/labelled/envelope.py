"""The envelope of a message that lies in a file: a delivered mail keeps it in its header."""

import re
from typing import Final

from mailtriage.mail.model import Envelope, Mail

_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")
_RECIPIENT_FIELDS: Final = ("X-Original-To", "Delivered-To", "To")
_MAX_FIELD: Final = 2000


def stored_envelope(mail: Mail) -> Envelope:
    """Sender from Return-Path, else From; recipients from X-Original-To, Delivered-To or To.

    `Return-Path: <>` is the null sender.
    """
    return Envelope(_sender(mail), _recipients(mail))


def _sender(mail: Mail) -> str:
    found = _ADDRESS.search(mail.headers.first("Return-Path")[:_MAX_FIELD])
    if found:
        return found.group()
    return "" if "Return-Path" in mail.headers else mail.from_address


def _recipients(mail: Mail) -> tuple[str, ...]:
    for name in _RECIPIENT_FIELDS:
        found = _ADDRESS.findall(mail.headers.first(name)[:_MAX_FIELD])
        if found:
            return tuple(found[:10])
    return ()
