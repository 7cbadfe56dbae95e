"""The message between DATA and the final dot: how it is read, and how it is sent.

There is one end of a message: CRLF "." CRLF. Neither a bare LF nor a bare CR is a line end, in
either direction. Servers that thought otherwise made SMTP smuggling possible, where one of two
servers sees the end of a mail, and the start of a forged one, where the other sees text.
"""

import asyncio
import re
from typing import IO, Final

READ_LIMIT: Final = 64 * 1024
"""Limit in bytes of the StreamReader that a message is read from: about the size of a chunk."""

_END: Final = b"\r\n.\r\n"

# A dot alone between line ends of which the first is bare: never the end of a mail to us, but to a
# next hop that takes a bare CR or LF for a line end. No RFC allows it, no honest sender sends it.
_SMUGGLED_END: Final = re.compile(rb"(?:(?<!\r)\n|\r)(?=\.[\r\n])")


async def receive(
    reader: asyncio.StreamReader, spool: IO[bytes], size_limit: int, chunk_timeout: float
) -> bool:
    """Read up to and with the final dot; write what came before it, dots still doubled, to `spool`.

    Returns False, after reading on to the end (RFC 5321 §4.2.5), when the message is longer than
    `size_limit` octets for certain, whatever `unstuff` will take away; the spool then holds a part.
    Raises TimeoutError when READ_LIMIT octets take longer than `chunk_timeout` seconds,
    asyncio.IncompleteReadError when the connection ends first, OSError when the spool is full.
    """
    most = size_limit + size_limit // 3 + len(_END)  # "." CRLF, doubled, is 4 octets for 3
    tail = b"\r\n"  # the end of the DATA command's own line
    received = 0
    while True:
        async with asyncio.timeout(chunk_timeout):
            chunk = await _chunk(reader)
        ended = (tail + chunk[-5:]).endswith(_END) if len(chunk) < 5 else chunk.endswith(_END)
        received += len(chunk)
        if received <= most:
            spool.write(chunk.removesuffix(b".\r\n") if ended else chunk)
        if ended:
            return received <= most
        tail = (tail + chunk[-2:])[-2:]


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """What stands up to the next dot that ends a line, or as much as the reader holds before it.

    StreamReader finds the separator without a loop over lines in Python, and leaves what the client
    sent after the message where aiosmtpd will look for the next command.
    """
    try:
        return await reader.readuntil(b".\r\n")
    except asyncio.LimitOverrunError as more:
        return await reader.readexactly(more.consumed)


def unstuff(content: bytes) -> bytes:
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
    line_ends = content.count(b"\r\n")
    if line_ends != content.count(b"\n") or line_ends != content.count(b"\r"):
        content = _SMUGGLED_END.sub(b"\r\n.", content)
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    return content + b".\r\n"
