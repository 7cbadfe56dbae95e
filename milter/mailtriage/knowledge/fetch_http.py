"""One GET, to a host that was allowed, at an address that was looked at, within bounds.

The address is resolved once and connected to as it is: a name that answers "10.0.0.1" the second
time it is asked (DNS rebinding) gains nothing. Redirects are for the caller, who checks each.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

ROBOT: Final = "mailtriage-kb"
_ACCEPT: Final = "text/html, application/xhtml+xml, application/pdf, application/xml, text/plain"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_GZIP: Final = 31
_PIECE: Final = 64 * 1024
_SAFE: Final = "/%!$&'()*+,;=:@~-._?"


class FetchError(Exception):
    """A page that is not fetched, and why; quotes nothing but its address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    content_type: str
    """Media type in lower case, without parameters."""
    location: str = ""
    etag: str = ""
    modified: str = ""
    robots: str = ""
    """X-Robots-Tag, lower case."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches from the hosts that it was given, and no other."""

    hosts: frozenset[tuple[str, int]]
    """Name in lower case, and port."""
    private: bool
    """Whether addresses that are not of the public internet may be connected to."""
    max_bytes: int
    timeout: float
    """Seconds that one page may take, from the first packet to the last."""

    def get(self, url: str, *, etag: str = "", modified: str = "") -> Answer:
        """Fetch; 304 where the page is the one of that ETag or date. Raises FetchError."""
        parts = self.checked(url)
        host, port = parts.hostname or "", port_of(parts)
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "User-Agent": ROBOT,
            "Accept": _ACCEPT,
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if etag:
            headers["If-None-Match"] = etag
        elif modified:
            headers["If-Modified-Since"] = modified
        ends = time.monotonic() + self.timeout
        target = quote(urlunsplit(("", "", parts.path or "/", parts.query, "")), safe=_SAFE)
        try:
            with self._connected(host, port, secure=parts.scheme == "https") as stream:
                connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
                connection.sock = stream
                connection.request("GET", target, headers=headers)
                answer = self._read(connection.getresponse(), url)
        except (OSError, ValueError, http.client.HTTPException, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise FetchError(f"{url}: {reason.lower()}") from None
        if time.monotonic() >= ends:
            # What was cut off looks like a page that ended, where the server gave no length.
            raise FetchError(f"{url}: took longer than {self.timeout:g} s")
        return answer

    def checked(self, url: str) -> SplitResult:
        """The parts of a URL that may be fetched. Raises FetchError for any other."""
        try:
            parts = urlsplit(url)
            place = ((parts.hostname or "").lower(), port_of(parts))
        except ValueError:
            raise FetchError(f"{url[:200]!r}: not a URL") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise FetchError(f"{url[:200]!r}: neither http nor https")
        if "@" in parts.netloc or not url.isprintable() or " " in url:
            raise FetchError(f"{url[:200]!r}: not a plain URL")
        if place not in self.hosts:
            raise FetchError(f"{url[:200]}: {place[0]}:{place[1]} is not in kb.hosts")
        return parts

    @contextlib.contextmanager
    def _connected(self, host: str, port: int, *, secure: bool) -> Iterator[socket.socket]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        places = [entry for entry in found if self.private or is_public(str(entry[4][0]))]
        if not places:
            raise ConnectionError("has an address of a private network (kb.private_hosts)")
        family, kind, protocol, _, address = places[0]
        with socket.socket(family, kind, protocol) as plain:
            plain.settimeout(self.timeout)
            # A timeout of the socket is one of each packet: a server that drips lives for ever.
            watch = threading.Timer(self.timeout, _cut, (plain,))
            watch.daemon = True
            watch.start()
            try:
                plain.connect(address)
                if not secure:
                    yield plain
                    return
                context = ssl.create_default_context()
                # The timer shuts the socket below, which ends reading above it just the same.
                with context.wrap_socket(plain.dup(), server_hostname=host) as stream:
                    stream.settimeout(self.timeout)
                    yield stream
            finally:
                watch.cancel()

    def _read(self, response: http.client.HTTPResponse, url: str) -> Answer:
        body = bytearray()
        while piece := response.read(_PIECE):
            body += piece
            if len(body) > self.max_bytes:
                raise FetchError(f"{url}: larger than {self.max_bytes} bytes")
        length = response.getheader("Content-Length", "")
        if length.isdigit() and response.status == http.client.OK and len(body) < int(length):
            raise FetchError(f"{url}: cut short")
        if response.getheader("Content-Encoding", "").lower() in {"gzip", "x-gzip"}:
            body = bytearray(unpacked(bytes(body), self.max_bytes))
        kind = response.getheader("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(
            status=response.status,
            body=bytes(body),
            content_type=kind,
            location=response.getheader("Location", ""),
            etag=response.getheader("ETag", "")[:200],
            modified=response.getheader("Last-Modified", "")[:100],
            robots=response.getheader("X-Robots-Tag", "").lower(),
        )


def unpacked(body: bytes, most: int) -> bytes:
    """What gzip packed. Raises FetchError when that is more than `most`, zlib.error for no gzip."""
    unpack = zlib.decompressobj(_GZIP)
    content = unpack.decompress(body, most)
    if unpack.unconsumed_tail:
        raise FetchError(f"unpacks to more than {most} bytes")
    return content


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


def port_of(parts: SplitResult) -> int:
    """The port that a URL means. Raises ValueError for one that is none."""
    return parts.port if parts.port is not None else _DEFAULT_PORTS.get(parts.scheme, 0)


def _cut(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
