"""`kb fetch`: the pages of a sitemap into a folder, for `kb build` to read. Never in a mail's path.

Hosts must be allowed, robots.txt is kept to, and every kind of too much has a limit. A page that
cannot be had today stays as it was; one that is gone from the sitemap goes.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit, urlunsplit

from mailtriage.config.kb import KbConfig
from mailtriage.knowledge.fetch_http import (
    ROBOT,
    Answer,
    Fetcher,
    FetchError,
    port_of,
    unpacked,
)
from mailtriage.knowledge.ingest_folder import MANIFEST
from mailtriage.knowledge.model import KnowledgeError
from mailtriage.knowledge.robots import EVERYTHING, MAX_BYTES, NOTHING, Robots, parse_robots

PAGE_TIME: Final = 30.0
"""Seconds that one page may take."""
_MAX_REDIRECTS: Final = 5
_MAX_SITEMAPS: Final = 200
_MAX_LOCATION: Final = 2000
_KINDS: Final = {"text/html": ".html", "application/xhtml+xml": ".html", "application/pdf": ".pdf"}
_GONE: Final = frozenset({404, 410})
# No XML parser: an entity of a hostile one unfolds to gigabytes, and <loc> is all that counts.
_LOCATION: Final = re.compile(r"<(?:[A-Za-z]+:)?loc>([^<]{1,2100})</")
_INDEX: Final = re.compile(r"<(?:[A-Za-z]+:)?sitemapindex[\s>]")
_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(slots=True)
class Fetched:
    """What one run did."""

    new: int = 0
    unchanged: int = 0
    removed: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    """One run: what it may, and what it knows by now."""

    config: KbConfig
    fetcher: Fetcher
    ends: float
    robots: dict[tuple[str, str], Robots] = field(default_factory=dict)
    last: float = 0.0
    done: Fetched = field(default_factory=Fetched)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.ends

    def get(self, url: str, *, etag: str = "", modified: str = "") -> tuple[Answer, str]:
        """Fetch a page where robots may, through redirects that are allowed; and where it was."""
        for _ in range(_MAX_REDIRECTS + 1):
            parts = self.fetcher.checked(url)
            rules = self._rules(parts)
            if not rules.allows(urlunsplit(("", "", parts.path or "/", parts.query, ""))):
                raise FetchError(f"{url}: robots.txt forbids it")
            self._wait(rules.delay)
            answer = self.fetcher.get(url, etag=etag, modified=modified)
            if not (300 <= answer.status < 400 and answer.location):
                return answer, url
            url, etag, modified = urldefrag(urljoin(url, answer.location)).url, "", ""
        raise FetchError(f"{url}: more than {_MAX_REDIRECTS} redirects")

    def _rules(self, parts: SplitResult) -> Robots:
        host = (parts.scheme, parts.netloc)
        if host not in self.robots:
            self.robots[host] = self._read_rules(urlunsplit((*host, "/robots.txt", "", "")))
        return self.robots[host]

    def _read_rules(self, url: str) -> Robots:
        """RFC 9309 section 2.3.1: no rules where there are none, and no entry where the host is out
        of order."""
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                self._wait(0.0)
                answer = self.fetcher.get(url)
                if 300 <= answer.status < 400 and answer.location:
                    url = urljoin(url, answer.location)
                    continue
                if 200 <= answer.status < 300:
                    return parse_robots(answer.body[:MAX_BYTES].decode("utf-8", "replace"), ROBOT)
                return EVERYTHING if 400 <= answer.status < 500 else NOTHING
        except FetchError as error:
            self.done.problems.append(f"{error}; nothing of this host is fetched")
        return NOTHING

    def _wait(self, delay: float) -> None:
        pause = max(self.config.pause, delay)
        now = time.monotonic()
        if self.last and now < self.last + pause:
            time.sleep(min(self.last + pause - now, max(0.0, self.ends - now)))
        self.last = time.monotonic()
        if self.last >= self.ends:
            raise FetchError("the time of this run (kb.fetch_time) is up")


def fetch(config: KbConfig, say: Callable[[str], None] = lambda _: None) -> Fetched:
    """Bring the folder up to what the sitemaps have. `say` is told of each page.

    Raises KnowledgeError when there is no sitemap, or the folder cannot be written.
    """
    if not config.sitemaps:
        raise KnowledgeError("kb.sitemaps names no sitemap to start from")
    fetcher = Fetcher(_allowed(config), config.private_hosts, config.max_page_bytes, PAGE_TIME)
    run = _Run(config, fetcher, time.monotonic() + config.fetch_time)
    try:
        config.pages.mkdir(mode=0o755, parents=True, exist_ok=True)
        kept = _read_manifest(config.pages)
        wanted, complete = _wanted(run)
        for url in wanted:
            if run.over:
                run.done.problems.append("the time of this run (kb.fetch_time) is up")
                complete = False
                break
            _bring(run, url, kept, say)
        if complete:
            _forget(run, kept.keys() - wanted.keys(), kept)
        _write_manifest(config.pages, kept)
        _sweep(config.pages, kept)
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise KnowledgeError(f"{error.filename or config.pages}: {reason}") from None
    return run.done


def _allowed(config: KbConfig) -> frozenset[tuple[str, int]]:
    """The usual ports of each host, and the one that a sitemap names."""
    named = {(host, port) for host in config.hosts for port in (80, 443)}
    for sitemap in config.sitemaps:
        try:
            parts = urlsplit(sitemap)
            named.add(((parts.hostname or "").lower(), port_of(parts)))
        except ValueError:
            continue  # said when it is fetched
    return frozenset(named)


def _wanted(run: _Run) -> tuple[dict[str, None], bool]:
    """The pages of all sitemaps, in order, and whether that is all there are."""
    waiting = list(run.config.sitemaps)
    seen: set[str] = set()
    pages: dict[str, None] = {}
    complete = True
    while waiting:
        sitemap = waiting.pop(0)
        if sitemap in seen:
            continue
        seen.add(sitemap)
        if len(seen) > _MAX_SITEMAPS:
            run.done.problems.append(f"more than {_MAX_SITEMAPS} sitemaps; the rest is left out")
            return pages, False
        try:
            answer, _ = run.get(sitemap)
            if answer.status != 200:
                raise FetchError(f"{sitemap}: status {answer.status}")
            text = _sitemap_text(answer.body, run.config.max_page_bytes, sitemap)
        except FetchError as error:
            run.done.problems.append(str(error))
            complete = False
            continue
        found = list(_locations(text))
        if _INDEX.search(text[:4096]):
            waiting += found
            continue
        for url in found:
            if len(pages) >= run.config.max_pages:
                run.done.problems.append(
                    f"{sitemap}: more than {run.config.max_pages} pages (kb.max_pages)"
                )
                return pages, False
            pages[url] = None
    return pages, complete


def _sitemap_text(body: bytes, most: int, url: str) -> str:
    if body.startswith(_GZIP_MAGIC):
        try:
            body = unpacked(body, most)
        except (FetchError, ValueError) as error:
            raise FetchError(f"{url}: {error}") from None
        except Exception as error:
            raise FetchError(f"{url}: not gzip") from error
    return body.decode("utf-8-sig", "replace")


def _locations(text: str) -> Iterator[str]:
    for found in _LOCATION.finditer(text):
        url = urldefrag(unescape(found[1].strip())).url
        if len(url) <= _MAX_LOCATION:
            yield url


def _bring(run: _Run, url: str, kept: dict[str, Any], say: Callable[[str], None]) -> None:
    """Fetch a page, unless the one that we have is that very one."""
    known = kept.get(url, {})
    there = bool(known) and (run.config.pages / str(known.get("file", ""))).is_file()
    etag, modified = (
        (str(known.get("etag", "")), str(known.get("modified", ""))) if there else ("", "")
    )
    try:
        answer, address = run.get(url, etag=etag, modified=modified)
        if answer.status == 304 and there:
            run.done.unchanged += 1
            return
        if answer.status in _GONE:
            _forget(run, {url} & kept.keys(), kept)
        if answer.status != 200:
            raise FetchError(f"{url}: status {answer.status}")
        if "noindex" in answer.robots or "none" in answer.robots.split(","):
            _forget(run, {url} & kept.keys(), kept)
            raise FetchError(f"{url}: asks not to be indexed (X-Robots-Tag)")
        suffix = _KINDS.get(answer.content_type)
        if suffix is None:
            raise FetchError(f"{url}: {answer.content_type or 'no type'}: neither HTML nor PDF")
    except FetchError as error:
        run.done.problems.append(str(error))
        return
    name = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:24] + suffix
    _write(run.config.pages / name, answer.body)
    kept[url] = {
        "file": name, "address": address, "etag": answer.etag, "modified": answer.modified,
    }  # fmt: skip
    run.done.new += 1
    say(url)


def _forget(run: _Run, urls: set[str], kept: dict[str, Any]) -> None:
    for url in urls:
        del kept[url]
        run.done.removed += 1


def _read_manifest(folder: Path) -> dict[str, Any]:
    """What is there by address; nothing where that cannot be read: it is all fetched again."""
    try:
        kept = json.loads((folder / MANIFEST).read_bytes())
        pages = kept["pages"]
        return {url: about for url, about in pages.items() if isinstance(about, dict)}
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _write_manifest(folder: Path, kept: dict[str, Any]) -> None:
    text = json.dumps({"pages": kept}, ensure_ascii=False, indent=1)
    _write(folder / MANIFEST, text.encode("utf-8", "replace"))


def _sweep(folder: Path, kept: dict[str, Any]) -> None:
    """Delete pages of ours that the manifest no longer names; of other files none."""
    named = {str(about.get("file", "")) for about in kept.values()}
    for file in folder.iterdir():
        if re.fullmatch(r"[0-9a-f]{24}\.(html|pdf)", file.name) and file.name not in named:
            file.unlink(missing_ok=True)


def _write(file: Path, content: bytes) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
