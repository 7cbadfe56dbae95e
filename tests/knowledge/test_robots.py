"""robots.txt by RFC 9309."""

import pytest

from mailtriage.knowledge.robots import MAX_DELAY, parse_robots


@pytest.mark.parametrize(
    ("text", "target", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("user-agent:*\ndisallow:/private # secret", "/private/a", False),
        ("User-agent: *\nDisallow: /private", "/public", True),
        # The longest rule counts, wherever it stands, and of two of one length the one that allows.
        ("User-agent: *\nDisallow: /help\nAllow: /help/public", "/help/public/a", True),
        ("User-agent: *\nAllow: /help/public\nDisallow: /help", "/help/a", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*?print", "/a?print=1", False),
        ("User-agent: *\nDisallow: /*?print", "/a", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf.html", True),
        ("User-agent: *\nDisallow: /a$", "/ab", True),
        ("User-agent: *\nDisallow: /a*b*c", "/axxbyyc", False),
        ("User-agent: *\nDisallow: /a*a$", "/a", True),
        ("User-agent: *\nDisallow: /%C3%A4", "/ä", False),
        ("User-agent: *\nDisallow: /a%2Fb", "/a/b", False),
        # A group for us is the only one that counts; several of them are one.
        ("User-agent: mailtriage-kb\nDisallow: /a\n\nUser-agent: *\nDisallow: /", "/b", True),
        ("User-agent: x\nUser-agent: Mailtriage-KB\nDisallow: /a", "/a", False),
        ("User-agent: x\nDisallow: /", "/a", True),
        ("Disallow: /", "/a", True),
        ("\ufeffUser-agent: *\r\nDisallow: /a\r\n", "/a", False),
        ("User-agent: *\nSitemap: x\nDisallow: /a", "/a", False),
        ("User-agent: *\nDisallow: /", "", False),
    ],
)
def test_rules(text: str, target: str, allowed: bool) -> None:
    assert parse_robots(text, "mailtriage-kb").allows(target) is allowed


@pytest.mark.parametrize(
    ("said", "delay"), [("2", 2.0), ("0.5", 0.5), ("9999", MAX_DELAY), ("x", 0.0)]
)
def test_the_delay(said: str, delay: float) -> None:
    assert parse_robots(f"User-agent: *\nCrawl-delay: {said}", "x").delay == delay


def test_many_stars_take_no_time() -> None:
    rules = parse_robots("User-agent: *\nDisallow: /" + "*a" * 2000 + "$", "x")
    assert rules.allows("/" + "a" * 3000 + "b")
