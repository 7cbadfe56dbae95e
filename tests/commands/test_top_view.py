"""mailtriage top: the page fits its terminal, whatever is on it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from mailtriage.commands.top_page import Decisions, Facts, Page, Row, make_page
from mailtriage.commands.top_view import lines
from mailtriage.service import metrics_names as names
from tests.support.metrics_pages import STARTED, Metrics

HOSTILE = "\x1b[2J\x9b31m\r\n\t\x00\x85\u202eevil\u2066\u200b"
WIDE = "発注番号が違います" * 20


def row(number: int = 0, *, word: str = "") -> Row:
    """A decision, with a word of a stranger's in each of its cells."""
    return Row(
        at=STARTED + number,
        queue_id=word or f"4Wx0ab{number}",
        mailbox=word or "help@desk.example",
        priority=word or "urgent",
        skill=word or "cancellation",
        language=word or "pt-br",
        ack=word or "skipped",
        ack_rule=word or "A3",
        why=(word or "invoice-word", "priority-fraud"),
        ms=1.23,
        status=word or "ok",
    )


def full_page(*, word: str = "", rows: int = 30) -> Page:
    """A page with something in every place."""
    metrics = Metrics()
    for number, skill in enumerate(
        ("billing", "technical", "delivery", "returns", "account", "sales", "privacy", "general")
    ):
        metrics.mails(10 ** (number % 5), skill=word or skill)
    metrics.took(0.001, 0.02, 9.0)
    registry = metrics.registry
    registry.add(names.FAIL_OPEN, word or "timeout", amount=12)
    registry.add(names.DECISIONS, word or "sent", word or "none", amount=12345)
    registry.add(names.DELIVERIES, word or "sent", amount=12345)
    registry.set(names.OUTBOX, "RETRY", value=1234)
    registry.set(names.OUTBOX, "DEAD", value=2)
    registry.set(names.OUTBOX_OLDEST, "RETRY", value=98765)
    registry.add(names.STATE_ERRORS, "sqlite", word or "ledger", amount=3)
    registry.set(names.SELFTEST, value=0)
    decisions = Decisions(tuple(row(number, word=word) for number in range(rows)))
    facts = Facts(word or "inet:127.0.0.1:8895", 2.0, fault=word)
    return make_page([metrics.scrape(100)], decisions, facts)


PAGE = full_page()


def text(page: Page, width: int, height: int | None, **named: bool) -> str:
    """What stands there."""
    return "\n".join(line.plain for line in lines(page, width, height, **named))


@pytest.mark.parametrize("width", [1, 2, 10, 25, 40, 79, 80, 100, 132, 400])
@pytest.mark.parametrize("height", [1, 2, 5, 8, 10, 16, 24, 40, 200])
@pytest.mark.parametrize("page", [PAGE, full_page(word=HOSTILE), full_page(word=WIDE, rows=0)])
def test_a_page_fits_its_terminal(page: Page, width: int, height: int) -> None:
    shown = lines(page, width, height)
    assert len(shown) == height
    assert max(cell_len(line.plain) for line in shown) <= width
    # The page never ends in the middle of the terminal: its keys are in the last line.
    assert (
        shown[-1].plain[: width - 1]
        == "q quit   p pause   + longer   - shorter interval"[: width - 1]
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (132, 40), (80, None), (40, 12)])
def test_no_foreign_letter_steers_the_terminal(width: int, height: int | None) -> None:
    shown = text(full_page(word=HOSTILE), width, height)
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    assert "\\x1b[2J" in shown, "it is shown as what it is"


@settings(max_examples=60, deadline=None)
@given(
    word=st.text(max_size=40),
    at=st.floats(allow_nan=True, allow_infinity=True),
    width=st.integers(1, 200),
    height=st.integers(1, 60),
)
def test_any_words_and_any_times_fit(word: str, at: float, width: int, height: int) -> None:
    page = replace(full_page(word=word, rows=3), at=at)
    shown = lines(page, width, height)
    assert len(shown) == height
    assert max(cell_len(line.plain) for line in shown) <= width
    assert all(line.plain.isprintable() for line in shown)


def test_an_ordinary_terminal_has_room_for_all_of_it() -> None:
    shown = text(PAGE, 80, 24)
    for word in ("mailtriage 0.1.0", "fail-open", "p99", "SKILL", "PRIORITY", "LANGUAGE"):
        assert word in shown
    for word in ("ACKS", "OUTBOX", "STATE", "QUEUE ID", "4Wx0ab0", "timeout 12"):
        assert word in shown
    assert "1,234" in shown
    assert "oldest 27 h" in shown
    assert "skipped A3" in shown
    assert "invoice-word" in shown
    assert shown.count("4Wx0ab") >= 4, "decisions have a few rows, however full the rest is"


def test_a_tall_terminal_shows_more_decisions_and_a_wide_one_more_of_each() -> None:
    assert text(PAGE, 80, 60).count("4Wx0ab") > text(PAGE, 80, 24).count("4Wx0ab")
    assert "help@desk.example" in text(PAGE, 132, 40)
    assert "help@desk.example" not in text(PAGE, 80, 40)


def test_a_narrow_terminal_has_fewer_columns_and_no_mangled_ones() -> None:
    shown = text(PAGE, 50, 30)
    assert "PRIORITY" in shown
    assert "LANGUAGE" not in shown
    assert "LANGUAGE" not in text(PAGE, 30, 30)


def test_without_a_terminal_nothing_is_cut_off_at_the_bottom() -> None:
    shown = text(PAGE, 80, None)
    assert shown.count("4Wx0ab") == 20
    assert "q quit" not in shown


def test_bars_are_as_long_as_their_part_of_the_longest() -> None:
    metrics = Metrics()
    metrics.mails(8, skill="a")
    metrics.mails(4, skill="b")
    page = make_page([metrics.scrape()], Decisions(), Facts("here", 2.0))
    shown = text(page, 80, None).splitlines()
    bars = {line[0]: line[:26].count("█") for line in shown if line[:2] in ("a ", "b ")}
    assert bars["a"] // 2 == bars["b"] > 0


def test_a_terminal_of_ascii_gets_ascii() -> None:
    shown = text(full_page(rows=2), 100, 40, ascii_only=True)
    assert "####" in shown
    assert "█" not in shown


def test_above_the_last_bucket_nothing_is_made_up() -> None:
    assert ">5 s" in text(PAGE, 80, 24)


def styled(page: Page, word: str) -> str:
    """The style of a word, where it stands."""
    for line in lines(page, 100, 40):
        at = line.plain.find(word)
        if at >= 0:
            spans = [str(span.style) for span in line.spans if span.start <= at < span.end]
            return " ".join([*spans, str(line.style)])
    raise AssertionError(f"{word} is not there")


def test_what_is_wrong_stands_out() -> None:
    assert "yellow" in styled(PAGE, "untagged: timeout 12")
    assert "red" in styled(replace(PAGE, ack_server=False), "mail server  ")
    assert "green" in styled(PAGE, "configuration loaded")


def test_pause_and_missing_decisions_are_said() -> None:
    assert "PAUSED" in text(PAGE, 80, 24, paused=True)
    none = replace(PAGE, decisions=Decisions(note="history.db: permission denied; " + "why " * 40))
    shown = text(none, 80, 30)
    assert "permission denied" in shown
    assert shown.count("why why") >= 2, "a long reason has more than one line"


def test_lines_are_text_and_no_markup() -> None:
    page = full_page(word="[bold red]x[/]")
    shown = lines(page, 200, 40)
    assert all(isinstance(line, Text) for line in shown)
    assert any("[bold red]x[/]" in line.plain for line in shown)
