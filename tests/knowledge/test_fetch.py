"""`kb fetch` against a real server on this machine, friendly and hostile."""

import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from mailtriage.config import load
from mailtriage.config.kb import KbConfig, Source
from mailtriage.knowledge import fetch as fetching
from mailtriage.knowledge.fetch import Fetched, fetch
from mailtriage.knowledge.fetch_http import Fetcher, FetchError, is_public
from mailtriage.knowledge.ingest import ingest
from mailtriage.knowledge.model import KnowledgeError
from tests.support.web_site import Site, page, running_web_site


@pytest.fixture
def site() -> Iterator[Site]:
    """A help site with two pages."""
    with running_web_site() as running:
        running.pages["/a"] = page("<h1 id=a>A</h1><p>text of a</p>", ETag='"1"')
        running.pages["/b"] = page("<h1>B</h1><p>text of b</p>")
        running.pages["/sitemap.xml"] = running.sitemap("/a", "/b")
        yield running


@pytest.fixture
def config(site: Site, tmp_path: Path) -> KbConfig:
    """The defaults, for that site."""
    return replace(
        load([Path("/dev/null")]).config.kb,
        sitemaps=(f"{site.address}/sitemap.xml",),
        pages=tmp_path / "pages",
        private_hosts=True,
        pause=0.0,
    )


def kept(config: KbConfig) -> set[str]:
    """The paths of the pages in the folder."""
    manifest = json.loads((config.pages / "pages.json").read_bytes())["pages"]
    there = {one.name for one in config.pages.iterdir()} - {"pages.json"}
    assert there == {about["file"] for about in manifest.values()}
    return {"/" + url.split("/", 3)[3] for url in manifest}


def counts(done: Fetched) -> tuple[int, int, int]:
    """New, unchanged, removed."""
    return done.new, done.unchanged, done.removed


def test_the_pages_of_a_sitemap_become_sections(config: KbConfig, site: Site) -> None:
    done = fetch(config)
    assert (counts(done), done.problems) == ((2, 0, 0), [])
    assert site.asked == ["/robots.txt", "/sitemap.xml", "/a", "/b"]
    assert {one["User-Agent"] for one in site.headers} == {"mailtriage-kb"}
    read = ingest([Source(config.pages)], language="en")
    found = {
        (one.heading, one.url, one.anchor) for document in read.documents
        for one in document.sections
    }  # fmt: skip
    assert found == {("A", f"{site.address}/a", "a"), ("B", f"{site.address}/b", "")}


def test_what_has_not_changed_is_not_sent_again(config: KbConfig, site: Site) -> None:
    fetch(config)
    assert counts(fetch(config)) == (1, 1, 0)
    assert site.headers[-2]["If-None-Match"] == '"1"'


def test_a_page_that_left_the_sitemap_goes(config: KbConfig, site: Site) -> None:
    fetch(config)
    site.pages["/sitemap.xml"] = site.sitemap("/a")
    assert counts(fetch(config)) == (0, 1, 1)
    assert kept(config) == {"/a"}


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_goes(config: KbConfig, site: Site, status: int) -> None:
    fetch(config)
    site.pages["/b"] = page("", status=status)
    done = fetch(config)
    assert counts(done) == (0, 1, 1)
    assert kept(config) == {"/a"}


def test_a_page_or_sitemap_that_cannot_be_had_today_stays(config: KbConfig, site: Site) -> None:
    fetch(config)
    site.pages["/b"] = page("", status=503)
    assert "status 503" in fetch(config).problems[0]
    assert kept(config) == {"/a", "/b"}
    site.pages["/sitemap.xml"] = page("", status=500)
    fetch(config)
    assert kept(config) == {"/a", "/b"}


def test_sitemaps_of_sitemaps_and_packed_ones(config: KbConfig, site: Site) -> None:
    site.pages["/sitemap.xml"] = (
        f"<sitemapindex xmlns='x'><sitemap><loc>{site.address}/s.xml.gz</loc></sitemap>"
        f"<sitemap><loc>{site.address}/sitemap.xml</loc></sitemap></sitemapindex>"
    )
    packed = gzip.compress(site.sitemap("/a?x=1&amp;y=2").encode())

    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(packed)

    site.pages["/s.xml.gz"] = serve
    site.pages["/a?x=1&y=2"] = page("<p>text")
    fetch(config)
    assert kept(config) == {"/a?x=1&y=2"}


class TestRobots:
    def test_what_it_forbids_is_not_asked_for(self, config: KbConfig, site: Site) -> None:
        site.pages["/robots.txt"] = "User-agent: *\nDisallow: /b"
        done = fetch(config)
        assert "robots.txt forbids" in done.problems[0]
        assert "/b" not in site.asked

    def test_a_host_that_is_out_of_order_is_left_alone(self, config: KbConfig, site: Site) -> None:
        site.pages["/robots.txt"] = page("", status=503)
        fetch(config)
        assert site.asked == ["/robots.txt"]

    def test_it_is_asked_for_again_behind_a_redirect(self, config: KbConfig, site: Site) -> None:
        site.pages["/robots.txt"] = "User-agent: *\nDisallow: /secret"
        site.pages["/b"] = page("", status=302, Location="/secret")
        site.pages["/secret"] = "<p>secret"
        fetch(config)
        assert "/secret" not in site.asked

    def test_a_page_may_ask_not_to_be_found(self, config: KbConfig, site: Site) -> None:
        site.pages["/b"] = page("<p>t", X_Robots_Tag="noindex, nofollow")
        fetch(config)
        assert kept(config) == {"/a"}

    def test_its_delay_is_kept(
        self, config: KbConfig, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept: list[float] = []
        monkeypatch.setattr(fetching.time, "sleep", slept.append)
        site.pages["/robots.txt"] = "User-agent: *\nCrawl-delay: 7"
        fetch(config)
        assert len(slept) == 3
        assert all(6 < one <= 7 for one in slept)


@pytest.mark.parametrize(
    "location",
    [
        "http://other.example/", "//other.example/", "https://127.0.0.1/", "file:///etc/passwd",
        "ftp://127.0.0.1/", "http://user:word@127.0.0.1:{port}/a", "http://127.0.0.1:1/",
        "http://[::1]:{port}/", "http://localhost:{port}/a", "gopher://x", "http://127.0.0.1:x/",
    ],
)  # fmt: skip
class TestElsewhere:
    def test_no_redirect_leaves_the_hosts(
        self, config: KbConfig, site: Site, location: str
    ) -> None:
        port = site.address.rpartition(":")[2]
        site.pages["/b"] = page("", status=301, Location=location.format(port=port))
        done = fetch(config)
        assert len(done.problems) == 1
        assert kept(config) == {"/a"}
        assert len(site.asked) == 4

    def test_no_sitemap_leads_out_of_the_hosts(
        self, config: KbConfig, site: Site, location: str
    ) -> None:
        port = site.address.rpartition(":")[2]
        site.pages["/sitemap.xml"] = site.sitemap("/a", location.format(port=port))
        assert len(fetch(config).problems) == 1
        assert kept(config) == {"/a"}


def test_a_circle_of_redirects_ends(config: KbConfig, site: Site) -> None:
    site.pages["/b"] = page("", status=302, Location="/b")
    assert "redirects" in fetch(config).problems[0]
    assert len(site.asked) < 12


def test_a_private_network_is_left_alone_unless_it_is_allowed(config: KbConfig, site: Site) -> None:
    done = fetch(replace(config, private_hosts=False))
    assert "private network" in done.problems[0]
    assert site.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("127.0.0.1", False),
        ("10.1.2.3", False), ("192.168.0.1", False), ("172.16.0.1", False), ("0.0.0.0", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("::1", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False), ("::", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_page_that_is_too_large_is_left_out(config: KbConfig, site: Site) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(b"x" * 10_000)

    site.pages["/b"] = endless
    assert "larger than 100000 bytes" in fetch(replace(config, max_page_bytes=100_000)).problems[0]
    assert kept(config) == {"/a"}


@pytest.mark.parametrize("path", ["/b", "/sitemap.xml"])
def test_what_unpacks_to_too_much_is_left_out(config: KbConfig, site: Site, path: str) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)

    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        if path == "/b":
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(bomb)

    site.pages[path] = serve
    assert "unpacks to more" in fetch(replace(config, max_page_bytes=100_000)).problems[0]


Drip = Callable[[BaseHTTPRequestHandler], None]


def _drip(head: bytes) -> Drip:
    """A server that sends a byte at a time and never ends."""

    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        for _ in itertools.takewhile(lambda _: not handler.stopped.is_set(), range(400)):  # type: ignore[attr-defined]
            handler.wfile.write(b"x")
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"])
def test_a_server_that_drips_is_cut_off(site: Site, head: bytes) -> None:
    """Each of its packets comes in time: only a clock over all of them ends this."""
    site.pages["/slow"] = _drip(head)
    host, port = site.address.removeprefix("http://").split(":")
    fetcher = Fetcher(frozenset({(host, int(port))}), private=True, max_bytes=9999, timeout=0.4)
    began = time.monotonic()
    with pytest.raises(FetchError):
        fetcher.get(f"{site.address}/slow")
    assert time.monotonic() - began < 10  # it would have gone on for 20


def test_a_page_that_was_cut_short_is_left_out(config: KbConfig, site: Site) -> None:
    site.pages["/b"] = page("<p>half", Content_Length="1000")
    assert len(fetch(config).problems) == 1
    assert kept(config) == {"/a"}


def test_other_types_are_left_out(config: KbConfig, site: Site) -> None:
    site.pages["/b"] = page("x", Content_Type="application/zip")
    assert "application/zip" in fetch(config).problems[0]


def test_no_more_pages_than_allowed(config: KbConfig, site: Site) -> None:
    done = fetch(replace(config, max_pages=1))
    assert kept(config) == {"/a"}
    assert "kb.max_pages" in done.problems[0]


def test_no_more_time_than_allowed(config: KbConfig, site: Site) -> None:
    done = fetch(replace(config, fetch_time=0.0))
    assert "kb.fetch_time" in done.problems[0]
    assert "/a" not in site.asked


def test_hostile_sitemaps_are_harmless(config: KbConfig, site: Site) -> None:
    entity = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    blank = "<loc>" + " " * 200_000
    site.pages["/sitemap.xml"] = (
        entity + "<loc>&b;</loc><loc>" * 20_000 + blank + site.sitemap("/a")
    )
    fetch(config)
    assert "/a" in kept(config)


def test_a_manifest_that_was_broken_is_made_again(config: KbConfig) -> None:
    fetch(config)
    (config.pages / "pages.json").write_text("{")
    assert counts(fetch(config)) == (2, 0, 0)


def test_a_name_in_the_manifest_cannot_lead_elsewhere(config: KbConfig, tmp_path: Path) -> None:
    """Nothing is deleted but files of ours, whatever the manifest names."""
    fetch(config)
    other = config.pages / "notes.txt"
    other.write_text("mine")
    outside = tmp_path / "outside.html"
    outside.write_text("<p>text")
    manifest = config.pages / "pages.json"
    manifest.write_text(json.dumps({"pages": {"http://x/": {"file": "../outside.html"}}}))
    fetch(config)
    assert other.exists()
    assert outside.exists()


def test_without_a_sitemap_there_is_nothing_to_do(config: KbConfig) -> None:
    with pytest.raises(KnowledgeError, match=r"kb\.sitemaps"):
        fetch(replace(config, sitemaps=()))
