"""The message between DATA and the final dot: how it is read, and how it is sent.

There is one end of a message: CRLF "." CRLF. Neither a bare LF nor a bare CR is a line end, in
either direction. Servers that thought otherwise made SMTP smuggling possible, where one of two
servers sees the end of a mail, and the start of a forged one, where the other sees text.
"""

import asyncio
import re
import tempfile
from typing import Final

READ_LIMIT: Final = 64 * 1024
"""Limit in bytes of the StreamReader that a message is read from: about the size of a chunk."""

_SPOOL_IN_MEMORY: Final = 1024 * 1024
"""Octets of a message that are kept in memory while it comes in; more go to a temporary file."""

_END: Final = b"\r\n.\r\n"

# A dot alone between line ends of which the first is bare: never the end of a mail to us, but to a
# next hop that takes a bare CR or LF for a line end. No RFC allows it, no honest sender sends it.
_SMUGGLED_END: Final = re.compile(rb"(?:(?<!\r)\n|\r)(?=\.[\r\n])")


class TooBigError(Exception):
    """The message has come to its end and is longer than allowed."""


async def receive(reader: asyncio.StreamReader, size_limit: int, chunk_timeout: float) -> bytes:
    """Read a message up to and with the final dot; return it as the client has it.

    Raises TooBigError for one of more than `size_limit` octets (RFC 1870 §3: doubled dots and the
    final one do not count), after reading on to its end (RFC 5321 §4.2.5). Raises TimeoutError when
    READ_LIMIT octets take longer than `chunk_timeout` seconds, asyncio.IncompleteReadError when the
    connection ends first, OSError when the temporary file cannot be written.
    """
    most = size_limit + size_limit // 3 + len(_END)  # "." CRLF, doubled, is 4 octets for 3
    tail = b"\r\n"  # the end of the DATA command's own line
    received = 0
    ended = False
    with tempfile.SpooledTemporaryFile(_SPOOL_IN_MEMORY) as spool:
        while not ended:
            async with asyncio.timeout(chunk_timeout):
                chunk = await _chunk(reader)
            tail = (tail + chunk[-len(_END) :])[-len(_END) :]
            ended = tail == _END
            received += len(chunk)
            if received <= most:
                spool.write(chunk.removesuffix(b".\r\n") if ended else chunk)
        if received > most:
            raise TooBigError
        spool.seek(0)
        message = _unstuffed(spool.read())
    if len(message) > size_limit:
        raise TooBigError
    return message


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """What stands up to the next dot that ends a line, or as much as the reader holds before it.

    StreamReader finds the separator without a loop over lines in Python, and leaves what the client
    sent after the message where aiosmtpd will look for the next command.
    """
    try:
        return await reader.readuntil(b".\r\n")
    except asyncio.LimitOverrunError as more:
        return await reader.readexactly(more.consumed)


def _unstuffed(content: bytes) -> bytes:
    """Take away the dot that the client put before each line that begins with one (§4.5.2)."""
    return (content[1:] if content.startswith(b".") else content).replace(b"\r\n.", b"\r\n")


def stuff(message: bytes) -> bytes:
    """The message as it is sent after DATA, final dot included.

    Bare CRs and LFs stay as they came, with one exception: where one stands before a lone dot, it
    is sent as CRLF and the dot is doubled, so that no next hop takes it for the end of the mail.
    """
    content = message.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    # Asked first because the pattern is ten times as slow, and hardly any mail has such a dot.
    if content.count(b"\n.") != content.count(b"\r\n.") or b"\r." in content:
        content = _SMUGGLED_END.sub(b"\r\n.", content)
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    return content + b".\r\n"
