"""A Page as lines of text, for a terminal of any size. Pure: no clock, no terminal."""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from mailtriage.commands.terminal import harmless
from mailtriage.commands.top_page import (
    Flow,
    Level,
    Page,
    Row,
    Share,
    Store,
    duration,
    span_title,
)
from mailtriage.service.metrics_names import SECONDS

STYLES: Final[dict[Level, str]] = {"good": "green", "warn": "yellow", "bad": "bold red"}
PRIORITY_STYLES: Final = {"urgent": "bold red", "high": "yellow", "low": "dim"}
KEYS: Final = "q quit   p pause   + longer   - shorter interval"

UNSHOWN: Final = "\N{REPLACEMENT CHARACTER}"
"""For letters that have no shape, or that turn others around."""

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_GAP: Final = 2
_NARROWEST: Final = 24
"""Cells of a column that still says something."""
_MOST_ROWS: Final = 12
"""Of the lists beside each other, on however tall a terminal."""
UNBOUNDED: Final = 20
"""Decisions where there is no terminal."""
_HEALTH: Final = 2
"""Lines."""


def lines(
    page: Page, width: int, height: int | None, *, paused: bool = False, ascii_only: bool = False
) -> list[Text]:
    """The page, no line wider than `width` cells and no more lines than `height`.

    `height` None: as many as there is something to say. What matters first stands first, and is
    what remains of it in a small terminal.
    """
    top = [_title(page, width, paused=paused), *_health(page, width), *_flow(page, width)]
    bars = _bars(page, width, ascii_only=ascii_only)
    sides = _sides(page, width)
    if height is None:
        rows = _decisions(page, width, UNBOUNDED)
        return _fitted([*top, *bars, *sides, *rows], width, None)
    left = height - len(top) - 1  # the keys have the last line
    # Each list has its heading; the decisions get what the others leave, and at least three rows.
    bars = bars[: max(0, min(len(bars), (left - 4) // 2))]
    left -= len(bars)
    sides = sides[: max(0, min(len(sides), left // 2))]
    left -= len(sides)
    body = [*top, *bars, *sides, *_decisions(page, width, left - 1)]
    body = body[: height - 1]
    body += [Text()] * (height - 1 - len(body))
    return _fitted([*body, Text(KEYS, style="dim")], width, height)


def _title(page: Page, width: int, *, paused: bool) -> Text:
    left = f"mailtriage {page.version}  {page.where}  every {duration(page.interval)}"
    right = _time(page.at) if not paused else f"PAUSED  {_time(page.at)}"
    return Text(_spread(left, right, width), style="reverse")


def _health(page: Page, width: int) -> list[Text]:
    """The notes one after the other; those that have no room are the least important."""
    found = [Text()]
    for note in page.health:
        text = _clean(note.text)
        if found[-1] and cell_len(found[-1].plain) + 3 + cell_len(text) > width:
            if len(found) == _HEALTH:
                break
            found.append(Text())
        if found[-1]:
            found[-1].append(" · ", style="dim")
        found[-1].append(text, style=STYLES[note.level])
    return found


def _flow(page: Page, width: int) -> list[Text]:
    head = f"{'':18}{'mails':>9}{'mails/s':>8}{'unsure':>8}{'fail-open':>10}"
    found = [Text(f"{head}{'p50':>9}{'p95':>9}{'p99':>9}", style="dim")]
    found += [_flow_line(flow) for flow in (page.short, page.long)]
    if width >= 120 and page.stages:
        parts = "  ".join(f"{name} {duration(mean)}" for name, mean in page.stages)
        found.append(Text(_clean(f"{'mean of a mail':<18}  {parts}"), style="dim"))
    return found


def _flow_line(flow: Flow) -> Text:
    line = Text(f"{span_title(flow):<18.18}")
    line.append(f"{_number(flow.inbound + flow.outbound):>9}{_rate(flow.per_second):>8}")
    line.append(f"{_number(flow.unsure):>8}")
    line.append(f"{_number(flow.fail_open):>10}", style="bold red" if flow.fail_open else "")
    for value in (flow.p50, flow.p95, flow.p99):
        slow = value is not None and value >= 1
        line.append(f"{_seconds(value):>9}", style="yellow" if slow else "")
    return line


def _bars(page: Page, width: int, *, ascii_only: bool) -> list[Text]:
    title = span_title(page.long)
    lists = ((f"SKILL {title}", page.skills), ("PRIORITY", page.priorities))
    _, each = _columns(width)
    blocks = [
        [_heading(name, each), *_chart(shares, each, ascii_only=ascii_only)]
        for name, shares in (*lists, ("LANGUAGE", page.languages))
    ]
    return _beside(blocks, width)


def _chart(shares: Sequence[Share], width: int, *, ascii_only: bool) -> list[Text]:
    """A bar for each, as long as its part of the longest."""
    longest = max((share.count for share in shares), default=0)
    names = min(14, max((cell_len(_clean(share.name)) for share in shares), default=0))
    numbers = max((len(_number(share.count)) for share in shares), default=0)
    room = max(0, width - names - numbers - 2)
    found = []
    for share in shares[:_MOST_ROWS]:
        line = Text(f"{set_cell_size(_clean(share.name), names)} ")
        part = share.count / longest if longest else 0.0
        line.append(_bar(part, room, ascii_only=ascii_only), style="cyan")
        line.append(f" {_number(share.count):>{numbers}}")
        found.append(line)
    return found or [Text("none yet", style="dim")]


def _bar(part: float, room: int, *, ascii_only: bool) -> str:
    if ascii_only:
        return ("#" * round(part * room)).ljust(room)
    eighths = round(part * room * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(room)


def _sides(page: Page, width: int) -> list[Text]:
    _, each = _columns(width)
    blocks = [
        [_heading(f"ACKS {span_title(page.long)}", each), *_acks(page, each)],
        [_heading("OUTBOX", each), *_outbox(page, each)],
        [_heading("STATE", each), *(_store(store, each) for store in page.stores)],
    ]
    return _beside(blocks, width)


def _acks(page: Page, width: int) -> list[Text]:
    found = [
        Text(_spread(f"{result} {'' if rule == 'none' else rule}", _number(count), width))
        for result, rule, count in page.announced
    ]
    sent = [
        Text(_spread(f"mail server: {result}", _number(count), width), style="dim")
        for result, count in page.deliveries
    ]
    # What was decided and what came of it both have a place when there are few.
    most = _MOST_ROWS // 2
    return [*found[:most], *sent[:most]] or [Text("none yet", style="dim")]


def _outbox(page: Page, width: int) -> list[Text]:
    if not page.outbox:
        return [Text("no mailbox, no outbox", style="dim")]
    owed = [held for held in page.outbox if held.state != "DEAD"]
    oldest = max((held.oldest for held in owed if held.count), default=0.0)
    found = [_held("owed", sum(held.count for held in owed), oldest, "oldest", width)]
    found += [
        _held(f"  {one.state.lower()}", one.count, one.oldest, "", width)
        for one in owed
        if one.count
    ]
    for held in page.outbox:
        if held.state == "DEAD":
            found.append(_held("dead", held.count, held.oldest, "oldest", width))
            found[-1].style = "yellow" if held.count else ""
    if page.ack_server is not None:
        up = page.ack_server
        server = _spread("mail server", "up" if up else "down", width)
        found.append(Text(server, style="" if up else "bold red"))
    return found


def _held(name: str, count: int, oldest: float, word: str, width: int) -> Text:
    age = f"{word} {duration(oldest)}  " if count and oldest >= 1 else ""
    return Text(_spread(name, f"{age.lstrip()}{_number(count)}", width))


def _store(store: Store, width: int) -> Text:
    if store.open:
        right, style = "circuit open", "bold red"
    elif store.errors:
        right, style = f"{_number(store.errors)} errors", "yellow"
    else:
        right, style = f"p95 {_seconds(store.p95)}" if store.p95 is not None else "ok", ""
    return Text(_spread(f"{store.backend} {store.op}", right, width), style=style)


def _decisions(page: Page, width: int, most: int) -> list[Text]:
    if most < 1:
        return []
    if not page.decisions.rows:
        note = textwrap.wrap(_clean(page.decisions.note), width, max_lines=3, placeholder="…")
        return [_heading("LAST DECISIONS", width), *(Text(line, style="dim") for line in note)]
    rows = page.decisions.rows[:most]
    ids = max(8, *(cell_len(_clean(row.queue_id)) for row in rows))
    columns = [("TIME", 8), ("QUEUE ID", min(16, ids)), ("PRIO", 6), ("SKILL", 12), ("LANG", 5)]
    columns.append(("ACK", 11))
    if width >= 110:
        columns += [("MS", 6), ("MAILBOX", 24)]
    head = "  ".join(set_cell_size(name, size) for name, size in columns)
    found = [_heading(f"{head}  WHY", width)]
    found += [_decision(row, [size for _, size in columns]) for row in rows]
    return found


def _decision(row: Row, sizes: Sequence[int]) -> Text:
    why = " ".join(row.why if row.status == "ok" else (f"({row.status})", *row.why))
    ack = f"{row.ack} {row.ack_rule}".strip()
    cells = [_time(row.at), row.queue_id, row.priority, row.skill, row.language, ack]
    cells += [f"{row.ms:.1f}".rjust(6), row.mailbox]
    line = Text()
    for number, (cell, size) in enumerate(zip(cells, sizes, strict=False)):
        style = PRIORITY_STYLES.get(row.priority, "") if number == 2 else ""
        line.append(_cut(_clean(cell), size), style=style)
        line.append("  ")
    line.append(_clean(why), style="dim")
    return line


def _heading(text: str, width: int) -> Text:
    return Text(_cut(_clean(text), width), style="bold")


def _columns(width: int) -> tuple[int, int]:
    """How many columns have room beside each other, three at most, and the cells of each."""
    number = max(1, min(3, (width + _GAP) // (_NARROWEST + _GAP)))
    return number, max(1, (width - (number - 1) * _GAP) // number)


def _beside(blocks: Sequence[list[Text]], width: int) -> list[Text]:
    """The blocks side by side, each as wide as the others; the last go where there is no room."""
    number, each = _columns(width)
    found = []
    for parts in zip_longest(*blocks[:number]):
        line = Text()
        for place, part in enumerate(parts):
            cell = part.copy() if part is not None else Text()
            last = place == number - 1
            cell.truncate(each, pad=not last)
            line.append_text(cell)
            line.append("" if last else " " * _GAP)
        found.append(line)
    return found


def _fitted(found: list[Text], width: int, height: int | None) -> list[Text]:
    for line in found:
        line.no_wrap = True
        line.rstrip()
        line.truncate(width, overflow="ellipsis")
    return found[:height]


def _spread(left: str, right: str, width: int) -> str:
    """One at each end; where there is not room for both, the left one is cut."""
    left, right = _clean(left.rstrip()), _clean(right)
    room = max(0, width - cell_len(right) - 1)
    return f"{_cut(left, room)} {right}"


def _cut(text: str, size: int) -> str:
    """Exactly as wide as that; an ellipsis says that something is missing."""
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    return set_cell_size(text, max(0, size - 1)) + "…"[:size]


def _clean(text: str) -> str:
    """Words from outside, in one line, without a way to steer the terminal or to turn its letters
    around."""
    flat = harmless(text).replace("\n", " ").replace("\t", " ")
    return "".join(letter if letter.isprintable() else UNSHOWN for letter in flat)


def _time(at: float) -> str:
    """The clock on the wall, here; dashes for what is no time."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "--:--:--"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    # What is above the last bucket of the histogram could be anything.
    return duration(value) if value < SECONDS[-1] else f">{duration(SECONDS[-1])}"


def _rate(per_second: float) -> str:
    return f"{per_second:.2f}" if 0 < per_second < 1 else f"{per_second:,.1f}"


def _number(count: int) -> str:
    return f"{count:,}"
