"""A web server of the standard library, on this machine alone, with pages that a test gives it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Serve = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """What is served, and what was asked for."""

    address: str = ""
    pages: dict[str, Serve | str] = field(default_factory=dict)
    """By path: a function that answers, or the text of a page."""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def sitemap(self, *paths: str) -> str:
        """The text of a sitemap of these pages; an absolute URL stays as it is."""
        urls = (path if "://" in path else self.address + path for path in paths)
        entries = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
        return f"<?xml version='1.0'?><urlset>{entries}</urlset>"


def page(text: str, *, status: int = 200, **headers: str) -> Serve:
    """A page; `Content_Type="x"` is a field of its header."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        body = text.encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if named.get("ETag") and handler.headers["If-None-Match"] == named["ETag"]:
            handler.send_response(304)
            handler.end_headers()
            return
        handler.send_response(status)
        named.setdefault("Content-Type", "text/html; charset=utf-8")
        named.setdefault("Content-Length", str(len(body)))
        for name, value in named.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return serve


@contextmanager
def running_web_site() -> Iterator[Site]:
    """A site without pages yet; stopped at the end."""
    site = Site()
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        stopped = stopping

        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.headers.append(dict(self.headers))
            found = site.pages.get(self.path)
            self.close_connection = True
            try:
                if callable(found):
                    found(self)
                elif found is not None:
                    page(found)(self)
                else:
                    page("", status=404)(self)
            except OSError:
                pass  # whoever asked has had enough

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
