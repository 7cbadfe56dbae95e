"""The message between DATA and the final dot: read to its end, kept as far as it is looked at."""

import asyncio
from typing import Final

READ_LIMIT: Final = 64 * 1024
"""Limit in octets of the StreamReader that a message is read from: about the size of a chunk."""

KEPT_HEADER: Final = 1024 * 1024
"""Octets of a header that are kept; Postfix cuts each field at 100 KiB (header_size_limit)."""

KEPT_BODY: Final = 1024 * 1024
"""Octets of a body that are kept. No more is ever read of one, and a line of any length is no
matter: nothing here works line by line."""

_END: Final = b"\r\n.\r\n"
_BEGUN: Final = (b"\r", b"\r\n", b"\r\n.", b"\r\n.\r")
_DOT: Final = b".\r\n"
_HEADER_END: Final = b"\r\n\r\n"


async def read_content(reader: asyncio.StreamReader, chunk_timeout: float) -> bytes:
    """Read a message up to and with its final dot; return the beginning of it, dots unstuffed.

    Raises TimeoutError when READ_LIMIT octets take longer than `chunk_timeout` seconds,
    asyncio.IncompleteReadError when the connection ends first.
    """
    kept = bytearray()
    most = KEPT_HEADER
    in_header = True
    tail = b"\r\n"  # the end of the DATA command's own line
    while tail != _END:
        async with asyncio.timeout(chunk_timeout):
            chunk = await _chunk(reader, tail)
        tail = (tail + chunk[-len(_END) :])[-len(_END) :]
        if len(kept) < most:
            searched = max(0, len(kept) - len(_HEADER_END))
            kept += chunk
            end = kept.find(_HEADER_END, searched) if in_header else -1
            if end >= 0:
                in_header = False
                most = end + len(_HEADER_END) + KEPT_BODY
    if len(kept) <= most + len(_DOT):
        kept = kept.removesuffix(_DOT)
    return _unstuffed(bytes(kept[:most]))


async def _chunk(reader: asyncio.StreamReader, before: bytes) -> bytes:
    """What stands up to the end of the message, or as much as the reader holds before it.

    There is one end of a message: CRLF "." CRLF; neither a bare LF nor a bare CR is a line end. The
    end may have begun in what was read `before`: then the next octet tells.
    """
    if before.endswith(_BEGUN):
        return await reader.readexactly(1)
    try:
        return await reader.readuntil(_END)
    except asyncio.LimitOverrunError as more:
        return await reader.readexactly(more.consumed)


def _unstuffed(content: bytes) -> bytes:
    """Take away the dot that the client put before each line that begins with one (RFC 5321
    section 4.5.2)."""
    return (content[1:] if content.startswith(b".") else content).replace(b"\r\n.", b"\r\n")
