"""The section [kb]."""

from pathlib import Path

import pytest

from mailtriage.config import ConfigError, load
from mailtriage.config.kb import KbConfig, Source


def read(tmp_path: Path, text: str) -> KbConfig:
    """The section of a file that holds nothing else."""
    file = tmp_path / "mailtriage.toml"
    file.write_text(f"[kb]\n{text}\n")
    return load([file]).config.kb


def test_the_defaults(tmp_path: Path) -> None:
    kb = read(tmp_path, "")
    assert (kb.index, kb.threshold, kb.maybe) == (Path("/var/lib/mailtriage/kb.idx"), 0.30, 0.20)
    assert (kb.sources, kb.sitemaps, kb.hosts) == ((), (), ())
    assert not kb.private_hosts


def test_sources_hosts_and_limits(tmp_path: Path) -> None:
    kb = read(
        tmp_path,
        'sources = ["/srv/help=https://h.example/", "/srv/faq.csv"]\n'
        'sitemaps = ["https://h.example/sitemap.xml"]\nhosts = ["H.example"]\n'
        'pause = "2s"\nmax_page_bytes = "1MiB"\nlanguage = "pt-br"\n',
    )
    assert kb.sources == (
        Source(Path("/srv/help"), "https://h.example/"), Source(Path("/srv/faq.csv"))
    )  # fmt: skip
    assert (kb.hosts, kb.pause, kb.max_page_bytes) == (("h.example",), 2.0, 2**20)
    assert kb.language == "pt-br"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('sources = ["help"]', 'kb.sources[0]: "help" is not an absolute path'),
        ('sitemaps = ["h.example"]', 'kb.sitemaps[0]: "h.example" is not a URL'),
        ('hosts = ["a b"]', 'kb.hosts[0]: "a b" is not a host name'),
        ("threshold = 2", "kb.threshold: 2 is out of range"),
        ('language = "German"', 'kb.language: "German" is not the code'),
        ("treshold = 0.3", "kb.treshold: unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, text)
    assert f"mailtriage.toml:2: {what}" in str(wrong.value)
