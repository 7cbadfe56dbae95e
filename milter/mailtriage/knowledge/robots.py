"""robots.txt by RFC 9309: the group for us, the longest rule that matches, `*` and `$`.

urllib.robotparser takes the first rule instead of the longest and knows neither `*` nor `$`: it
would fetch what `Disallow: /*?print` forbids.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote_to_bytes

MAX_BYTES: Final = 500 * 1024
"""Of a robots.txt that are read; section 2.5 asks for as much."""
MAX_DELAY: Final = 30.0
_MAX_RULES: Final = 5000
_LINE: Final = re.compile(r"\s*([A-Za-z-]+)\s*:\s*([^#]*)")


@dataclass(frozen=True, slots=True)
class Robots:
    """What one host allows one robot."""

    rules: tuple[tuple[str, bool], ...] = ()
    """Path pattern, and whether it allows."""
    delay: float = 0.0
    """Seconds between requests that the host asks for, at most 30."""

    def allows(self, target: str) -> bool:
        """Whether a path with its query may be fetched."""
        asked = _normal(target or "/")
        best, allowed = -1, True
        for pattern, allows in self.rules:
            if len(pattern) < best or not _matches(pattern, asked):
                continue
            # Of two rules of one length the one that allows counts (section 2.2.2).
            if len(pattern) > best or allows:
                best, allowed = len(pattern), allows
        return allowed


EVERYTHING: Final = Robots()
NOTHING: Final = Robots((("/", False),))


@dataclass(slots=True)
class _Group:
    agents: list[str] = field(default_factory=list)
    rules: list[tuple[str, bool]] = field(default_factory=list)
    delay: float = 0.0


def parse_robots(text: str, robot: str) -> Robots:
    """The rules for a robot, else those for "*"; never raises."""
    groups: list[_Group] = []
    naming = False
    for line in text.removeprefix("\ufeff").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found[1].lower(), found[2].strip()
        if key == "user-agent":
            if not naming:
                groups.append(_Group())
            groups[-1].agents.append(value.lower())
            naming = True
            continue
        if key in {"allow", "disallow", "crawl-delay"}:
            naming = False
            if groups and len(groups[-1].rules) < _MAX_RULES:
                _add(groups[-1], key, value)
    chosen = [group for group in groups if robot.lower() in group.agents]
    chosen = chosen or [group for group in groups if "*" in group.agents]
    rules = tuple(rule for group in chosen for rule in group.rules)
    return Robots(rules, max((group.delay for group in chosen), default=0.0))


def _add(group: _Group, key: str, value: str) -> None:
    if key == "crawl-delay":
        if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value):
            group.delay = min(float(value), MAX_DELAY)
    elif value:  # "Disallow:" without a path forbids nothing
        group.rules.append((_normal(value), key == "allow"))


def _normal(path: str) -> str:
    """Percent-encoding made the same on both sides (section 2.2.2)."""
    return quote(unquote_to_bytes(path), safe="/*$?&=+,;:@!'()~-._")


def _matches(pattern: str, target: str) -> bool:
    """Pieces between "*" from left to right: the first that fits will do, so nothing is tried
    twice."""
    ends = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not target.startswith(first):
        return False
    if not others:
        return not ends or target == first
    place = len(first)
    for piece in others[:-1]:
        found = target.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    last = others[-1]
    if ends:
        return target.endswith(last) and len(target) - len(last) >= place
    return target.find(last, place) >= 0
