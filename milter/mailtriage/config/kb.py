"""The section [kb]: where the knowledge base comes from, and how sure its answers must be."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtriage.config.endpoints import HOST_NAME
from mailtriage.config.reader import SettingsReader
from mailtriage.toml_source import show

DEFAULT_INDEX: Final = Path("/var/lib/mailtriage/kb.idx")
DEFAULT_PAGES: Final = Path("/var/lib/mailtriage/kb-pages")
_SOURCE: Final = re.compile(r"(?P<path>.+?)(?:=(?P<url>https?://[!-~]+))?", re.DOTALL)
_SITEMAP: Final = re.compile(r"https?://[!-~]{1,2000}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents are, and where customers find them."""

    path: Path
    base_url: str = ""
    """Address of the folder, or of the page; empty: documents say theirs, or have none."""


@dataclass(frozen=True, slots=True)
class KbConfig:
    """[kb]: the knowledge base. Times in seconds, sizes in bytes."""

    index: Path
    """The file that `kb build` makes; where it is missing there is no knowledge base."""
    threshold: float
    """Confidence from which a section is an answer."""
    maybe: float
    """Confidence from which up to two sections may help."""
    heading_weight: float
    """What a word of a heading counts, against one of the text."""
    language: str
    """Of documents that do not say theirs; empty: it is made out."""
    sources: tuple[Source, ...]
    sitemaps: tuple[str, ...]
    """URLs that `kb fetch` starts from."""
    hosts: tuple[str, ...]
    """Hosts that `kb fetch` may ask, lower case, besides those of the sitemaps."""
    pages: Path
    """Folder that `kb fetch` fills."""
    private_hosts: bool
    """Whether those may have addresses of a private network."""
    max_pages: int
    max_page_bytes: int
    fetch_time: float
    """How long one run may take."""
    pause: float
    """Between two requests, at least."""


def parse_source(text: str) -> Source:
    """A source as the configuration and the command line spell it: PATH or PATH=URL."""
    found = _SOURCE.fullmatch(text)
    if found is None:  # the empty text alone
        return Source(Path())
    return Source(Path(found["path"]), found["url"] or "")


def read_kb(table: SettingsReader) -> KbConfig:
    """Read the section. What is wrong is added to the reader's problems."""
    return KbConfig(
        index=table.file("index", str(DEFAULT_INDEX)) or DEFAULT_INDEX,
        threshold=table.number("threshold", 0.30, low=0.05, high=1.0),
        maybe=table.number("maybe", 0.20, low=0.05, high=1.0),
        heading_weight=table.number("heading_weight", 2.0, low=0.0, high=10.0),
        language=table.line_of_text(
            "language", _LANGUAGE, "is not the code of a language", 'write "de" or "pt-br"'
        ),
        sources=_sources(table),
        sitemaps=_sitemaps(table),
        hosts=table.words("hosts", HOST_NAME, "a host name", '"help.desk.example"'),
        pages=table.file("pages", str(DEFAULT_PAGES)) or DEFAULT_PAGES,
        private_hosts=table.boolean("private_hosts", default=False),
        max_pages=table.integer("max_pages", 2000, low=1, high=100_000),
        max_page_bytes=table.size("max_page_bytes", "2MiB", low="4KiB", high="64MiB"),
        fetch_time=table.duration("fetch_time", "1h", low="1s", high="1d"),
        pause=table.duration("pause", "500ms", low="0s", high="1m"),
    )


def _sources(table: SettingsReader) -> tuple[Source, ...]:
    good = []
    for number, text in table.items("sources"):
        source = parse_source(text)
        if source.path.is_absolute() and "\0" not in text:
            good.append(source)
        else:
            hint = 'write "/srv/help" or "/srv/help=https://help.desk.example/"'
            table.problem(("sources", number), f"{show(text)} is not an absolute path", hint)
    return tuple(good)


def _sitemaps(table: SettingsReader) -> tuple[str, ...]:
    good = []
    for number, text in table.items("sitemaps"):
        if _SITEMAP.fullmatch(text):
            good.append(text)
        else:
            hint = 'write "https://help.desk.example/sitemap.xml"'
            table.problem(("sitemaps", number), f"{show(text)} is not a URL", hint)
    return tuple(good)
