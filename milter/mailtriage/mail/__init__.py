"""Bytes or milter callbacks in, one frozen `Mail` out. No policy, no I/O.

    read.py       the door: read_mail, read_message
    model.py      Mail and what it is made of
    fields.py     header lines and MIME parameters
    words.py      charsets and RFC 2047 encoded words
    address.py    mailboxes and Message-IDs
    parts.py      the MIME tree: which part is the text
    textparts.py  transfer encoding, charset, format=flowed of one part
    htmltext.py   HTML to text
    newest.py     what the writer wrote now: quotes cut away, and with the next two ...
    signature.py  ... signatures, disclaimers, footers, and ...
    webform.py    ... what a web form put around the message
    phrases.py    many phrases looked for at once
    reply_marks.py, small_print.py  the words of twelve and more languages that these go by

Nothing here raises on bad input, and nothing here takes more than linear time or looks at more than
`Limits` allows: the whole room runs in the SMTP path.
"""

from mailtriage.mail.address import Mailbox, first_mailbox, parse_mailboxes
from mailtriage.mail.model import (
    Attachment,
    Client,
    Envelope,
    Header,
    Headers,
    Limits,
    Mail,
    MailStatus,
)
from mailtriage.mail.newest import newest_text
from mailtriage.mail.read import read_mail, read_message
from mailtriage.mail.words import decode_words

__all__ = [
    "Attachment",
    "Client",
    "Envelope",
    "Header",
    "Headers",
    "Limits",
    "Mail",
    "MailStatus",
    "Mailbox",
    "decode_words",
    "first_mailbox",
    "newest_text",
    "parse_mailboxes",
    "read_mail",
    "read_message",
]
