"""mailtriage top: from what was scraped to what is shown."""

import json
from dataclasses import asdict, replace

import pytest

from mailtriage.commands.top_page import Decisions, Facts, Page, duration, make_page, span_title
from mailtriage.commands.top_scrape import Scrape, ScrapeError, read_series
from mailtriage.commands.top_spans import (
    APART,
    WINDOW,
    Span,
    long_span,
    remember,
    short_span,
)
from mailtriage.service import metrics_names as names
from tests.support.metrics_pages import STARTED, Metrics

FACTS = Facts("inet:127.0.0.1:8895", 2.0)


def page(*scrapes: Scrape, facts: Facts = FACTS) -> Page:
    """Of scrapes in their order."""
    past: tuple[Scrape, ...] = ()
    for one in scrapes:
        past = remember(past, one)
    return make_page(past, Decisions(), facts)


def says(shown: Page, level: str) -> list[str]:
    """The notes of one level."""
    return [note.text for note in shown.health if note.level == level]


# From text to series.


def test_only_the_metrics_that_are_shown_are_kept() -> None:
    metrics = Metrics()
    metrics.registry.add(names.SIGNALS, "billing", "invoice-word")
    metrics.mails(3)
    series = read_series(metrics.text())
    assert names.SIGNALS not in series
    assert series[names.LANGUAGE] == {(("language", "sv"),): 3.0}


@pytest.mark.parametrize(
    "line",
    [
        'mailtriage_language_total{language="sv"} NaN',
        'mailtriage_language_total{language="sv"} +Inf',
        "mailtriage_outbox_messages -Inf",
    ],
)
def test_what_is_no_number_is_left_out(line: str) -> None:
    assert read_series(f"{line}\n") == {}


@pytest.mark.parametrize(
    "text",
    [
        'mailtriage_language_total{language="sv} 1',
        'mailtriage_language_total{language="sv"} many',
        "mailtriage_language_total{",
        "mailtriage_language_total",
    ],
)
def test_damaged_lines_are_an_error_of_ours_to_tell(text: str) -> None:
    with pytest.raises(ScrapeError, match="cannot be read"):
        read_series(f"{text}\n")


# Spans.


def test_what_happened_between_two_looks() -> None:
    metrics = Metrics()
    metrics.mails(5)
    before = metrics.scrape(100)
    metrics.mails(3)
    metrics.mails(1, skill="delivery", priority="low")
    shown = page(before, metrics.scrape(102))
    assert (shown.short.inbound, shown.short.per_second) == (4, 2.0)
    assert not shown.short.since_start


def test_until_the_window_is_full_the_service_s_whole_life_is_shown() -> None:
    metrics = Metrics()
    metrics.mails(6)
    first = metrics.scrape(1000)
    metrics.mails(4)
    soon = page(first, metrics.scrape(1002))
    assert (soon.long.inbound, soon.long.since_start) == (10, True)
    assert soon.long.per_second == pytest.approx(10 / 1002)
    assert span_title(soon.long) == "since start, 17 min"
    later = page(first, metrics.scrape(1000 + WINDOW))
    assert (later.long.inbound, later.long.since_start) == (4, False)
    assert span_title(later.long) == "last 5 min"


def test_the_window_moves_and_its_scrapes_stay_few() -> None:
    metrics = Metrics()
    past: tuple[Scrape, ...] = ()
    for second in range(0, 2000, 2):
        metrics.mails(1)
        past = remember(past, metrics.scrape(float(second)))
    assert len(past) <= 2 * WINDOW / APART + 4
    assert long_span(past).seconds == pytest.approx(WINDOW, abs=2 * APART)
    assert long_span(past).total(names.LANGUAGE) == pytest.approx(WINDOW / 2, abs=APART)
    assert short_span(past).seconds == 2


def test_a_service_that_was_started_anew_counts_from_nothing() -> None:
    old, new = Metrics(), Metrics(started=STARTED + 500)
    old.mails(1000)
    new.mails(2)
    shown = page(old.scrape(499), new.scrape(510))
    assert (shown.short.inbound, shown.long.inbound) == (2, 2)
    assert shown.long.seconds == pytest.approx(10)


def test_a_count_that_went_down_is_no_mail() -> None:
    many, few = Metrics(), Metrics()
    many.mails(9)
    few.mails(2)
    assert page(many.scrape(10), few.scrape(12)).short.inbound == 0


# The histogram has bounds at 2, 5, 10, 25, 50, 100 ms …, 5 s.
@pytest.mark.parametrize(
    ("seconds", "share", "quantile"),
    [
        ((), 0.5, None),
        ((0.001,), 0.5, 0.001),  # half of the way through the first bucket
        ((0.003, 0.003, 0.003, 0.003), 0.5, 0.0035),
        ((0.001, 0.003), 0.5, 0.002),
        ((0.001, 0.001, 0.001, 0.2), 0.75, 0.002),
        ((0.001, 0.2), 0.99, 0.1 + 0.15 * 0.98),
        ((60.0,), 0.5, 5.0),  # above all bounds: the last one
    ],
)
def test_quantiles_are_those_of_prometheus(
    seconds: tuple[float, ...], share: float, quantile: float | None
) -> None:
    metrics = Metrics()
    metrics.took(*seconds)
    found = Span(metrics.scrape()).quantile(names.DURATION, share)
    assert found == (None if quantile is None else pytest.approx(quantile))


def test_quantiles_of_a_span_forget_what_was_before() -> None:
    metrics = Metrics()
    metrics.took(*[4.0] * 100)
    before = metrics.scrape(10)
    metrics.took(0.001, 0.001)
    shown = page(before, metrics.scrape(12))
    assert shown.short.p99 is not None
    assert shown.short.p99 < 0.002
    assert shown.long.p50 is not None
    assert shown.long.p50 > 1


# The page.


def test_tags_by_number_and_priorities_at_their_places() -> None:
    metrics = Metrics()
    metrics.mails(2, skill="billing", priority="low")
    metrics.mails(5, skill="delivery", priority="urgent")
    metrics.registry.declare(names.TAGS, [("privacy", "normal")])
    shown = page(metrics.scrape())
    assert [(one.name, one.count) for one in shown.skills] == [("delivery", 5), ("billing", 2)]
    assert [(one.name, one.count) for one in shown.priorities] == [
        ("urgent", 5),
        ("high", 0),
        ("normal", 0),
        ("low", 2),
    ]


def test_acknowledgements_by_result_and_reason() -> None:
    metrics = Metrics()
    add = metrics.registry.add
    add(names.DECISIONS, "skipped", "A3", amount=2)
    add(names.DECISIONS, "sent", "none", amount=7)
    add(names.ACKS, "owed", "none", amount=6)
    add(names.DELIVERIES, "sent", amount=5)
    metrics.registry.set(names.ACK_SERVER, value=0)
    metrics.registry.set(names.OUTBOX, "RETRY", value=1)
    metrics.registry.set(names.OUTBOX_OLDEST, "RETRY", value=40)
    shown = page(metrics.scrape())
    assert shown.announced == (("sent", "none", 7), ("skipped", "A3", 2))
    assert shown.decided == (("owed", "none", 6),)
    assert shown.deliveries == (("sent", 5),)
    assert [(held.state, held.count, held.oldest) for held in shown.outbox] == [("RETRY", 1, 40.0)]
    assert shown.ack_server is False
    assert "mail server takes no acknowledgements" in says(shown, "bad")


def test_redis_is_shown_where_it_is_used_or_in_trouble() -> None:
    metrics = Metrics()
    metrics.registry.declare(names.STATE_ERRORS, [("sqlite", "ledger"), ("redis", "customers")])
    assert [one.backend for one in page(metrics.scrape()).stores] == ["sqlite"]
    used = page(metrics.scrape(), facts=replace(FACTS, redis=frozenset({"customers"})))
    assert [one.backend for one in used.stores] == ["sqlite", "redis"]
    metrics.registry.add(names.STATE_ERRORS, "redis", "customers", amount=3)
    metrics.registry.set(names.STATE_OPEN, "customers", value=1)
    shown = page(metrics.scrape())
    assert (shown.stores[1].errors, shown.stores[1].open) == (3, True)
    assert says(shown, "bad") == ["circuit open: redis customers"]


def test_a_service_that_is_well_says_so_first() -> None:
    metrics = Metrics()
    metrics.registry.set(names.SELFTEST, value=1)
    metrics.registry.set(names.SELFTEST_TIME, value=STARTED + 50)
    metrics.registry.set(names.SELFTEST_DURATION, value=0.1)
    shown = page(metrics.scrape(60))
    assert {note.level for note in shown.health} == {"good"}
    assert [note.text for note in shown.health] == [
        "ready",
        "self-test passed in 100 ms",
        "workers: analyser 2, milter 2",
        "configuration loaded 60 s ago",
    ]


def trouble(metrics: Metrics, what: str) -> None:
    """Something that an administrator must see at once."""
    registry = metrics.registry
    match what:
        case "self-test fails":
            registry.set(names.SELFTEST, value=0)
            registry.set(names.SELFTEST_TIME, value=STARTED + 1)
        case "self-test silent":
            registry.set(names.SELFTEST, value=1)
            registry.set(names.SELFTEST_TIME, value=STARTED + 1)
        case "reload refused":
            registry.set(names.RELOAD_GOOD, value=0)
        case "no workers":
            metrics.workers("analyser", 0)
            metrics.workers("milter", 0)


@pytest.mark.parametrize(
    ("what", "after", "note"),
    [
        ("self-test fails", 11, "self-test fails, last passed 10 s ago"),
        ("self-test silent", 3601, "self-test fails, last passed 60 min ago"),
        ("reload refused", 60, "reload refused: mailtriage check"),
        ("no workers", 60, "workers: none"),
    ],
)
def test_what_is_wrong_comes_first(what: str, after: float, note: str) -> None:
    metrics = Metrics()
    trouble(metrics, what)
    shown = page(metrics.scrape(after))
    assert shown.health[0].text == note
    assert shown.health[0].level == "bad"
    assert "ready" not in [one.text for one in shown.health]


def test_what_readyz_says_and_what_does_not_answer() -> None:
    scraped = Metrics().scrape(unready=("milter: none of 2 at work",))
    shown = page(scraped, facts=replace(FACTS, fault="nobody answers", now=STARTED + 500))
    assert says(shown, "bad") == ["does not answer: nobody answers", "milter: none of 2 at work"]
    assert shown.at == STARTED + 500, "the clock goes on"


def test_crashes_are_told_and_worn_out_workers_are_not() -> None:
    metrics = Metrics()
    metrics.registry.add(names.RESTARTS, "analyser", "died", amount=2)
    metrics.registry.add(names.RESTARTS, "milter", "worn-out")
    assert says(page(metrics.scrape()), "warn") == ["analyser died 2×"]


def test_mails_that_passed_untagged_are_told_with_their_reason() -> None:
    metrics = Metrics()
    metrics.registry.add(names.FAIL_OPEN, "overload", amount=1)
    metrics.registry.add(names.FAIL_OPEN, "timeout", amount=12)
    shown = page(metrics.scrape())
    assert says(shown, "warn") == ["untagged: timeout 12, overload 1"]
    assert shown.long.fail_open == 13


def test_a_page_is_json_with_numbers_in_it() -> None:
    metrics = Metrics()
    metrics.mails(2)
    read = json.loads(json.dumps(asdict(page(metrics.scrape()))))
    assert read["long"]["inbound"] == 2
    assert read["skills"] == [{"name": "billing", "count": 2}]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 ms"),
        (0.00321, "3.2 ms"),
        (0.142, "142 ms"),
        (0.9999, "1 s"),
        (1.5, "1.5 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (240, "4 min"),
        (3 * 3600, "3 h"),
        (9 * 86400, "9 d"),
    ],
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
