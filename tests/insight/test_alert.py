"""What is told, to whom it can be proven, and when it is tried again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtriage.insight.alert import (
    RETRIES,
    TOLERANCE,
    Alert,
    mail_text,
    next_try,
    sign,
    summary,
    verify,
    webhook_body,
)
from mailtriage.insight.counts import MOST_SENDERS, Series

STOCKHOLM = ZoneInfo("Europe/Stockholm")
AT = datetime(2026, 11, 23, 12, 15, tzinfo=UTC)
NOW = 1_795_435_200
KEY = b"a key of the receiver, 32 bytes."


def alert(**changes: Any) -> Alert:
    facts: dict[str, Any] = {
        "series": Series("topic", "invoice-reminder"),
        "state": "started",
        "since": datetime(2026, 11, 23, 8, tzinfo=UTC),
        "at": AT,
        "observed": 41,
        "expected": 12.06,
        "senders": 38,
        "languages": (("sv", 35), ("en", 6)),
        "phrases": ("charged twice", "påminnelse … faktura"),
        "queue_ids": ("4ABC123", "3XyZ9k2LpQz1"),
    }
    return Alert(**(facts | changes))


def test_the_mail_says_what_whom_how_many_and_where_to_look() -> None:
    subject, body = mail_text([alert()], STOCKHOLM)
    assert subject == (
        "[mailtriage] topic invoice-reminder: 41 mails since 09:00, 12 expected (3.4 times), "
        "38 senders"
    )
    assert "Languages: sv (35), en (6)" in body
    assert 'Typical phrases: "charged twice", "påminnelse … faktura"' in body
    assert "Examples (queue ids): 4ABC123, 3XyZ9k2LpQz1" in body


def test_several_at_once_are_one_mail_the_strongest_first() -> None:
    other = alert(series=Series("skill", "billing"), observed=60, expected=6)
    subject, body = mail_text([alert(), other], STOCKHOLM)
    assert subject.startswith("[mailtriage] skill billing: 60 mails")
    assert subject.endswith(", and 1 more")
    assert "invoice-reminder" in body
    with pytest.raises(ValueError, match="nothing"):
        mail_text([], STOCKHOLM)


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (datetime(2026, 11, 23, 0, tzinfo=UTC), "since 01:00"),
        (datetime(2026, 11, 22, 15, tzinfo=UTC), "since yesterday 16:00"),
        (datetime(2026, 11, 20, 15, tzinfo=UTC), "since 20 November 16:00"),
    ],
)
def test_times_are_on_the_organisations_clock(since: datetime, words: str) -> None:
    assert words in summary(alert(since=since), STOCKHOLM)


def test_other_states_and_series_have_their_own_words() -> None:
    assert summary(alert(state="ended"), STOCKHOLM).endswith("back to the usual amount of mail")
    assert "is the new usual" in summary(alert(state="settled"), STOCKHOLM)
    gone = alert(state="settled", observed=9, expected=10.0)
    assert summary(gone, STOCKHOLM).endswith("back to the usual amount of mail")
    unsure = summary(alert(series=Series("unsure", "all")), STOCKHOLM)
    assert unsure.startswith("mail that no skill or topic fits: 41 mails")
    assert "at least" in summary(alert(senders=MOST_SENDERS), STOCKHOLM)


def test_nothing_expected_is_no_infinite_factor() -> None:
    assert alert(expected=0.0).factor == 82


def test_the_webhook_has_stable_names() -> None:
    body = webhook_body(alert())
    assert body.isascii()
    assert json.loads(body) == {
        "version": 1,
        "type": "surge.started",
        "id": alert().id,
        "at": "2026-11-23T12:15:00Z",
        "since": "2026-11-23T08:00:00Z",
        "kind": "topic",
        "name": "invoice-reminder",
        "observed": 41,
        "expected": 12.06,
        "factor": 3.4,
        "senders": 38,
        "languages": {"sv": 35, "en": 6},
        "phrases": ["charged twice", "påminnelse … faktura"],
        "queue_ids": ["4ABC123", "3XyZ9k2LpQz1"],
    }


def test_the_id_is_of_the_surge_and_its_state() -> None:
    assert alert().id == alert(observed=99, at=AT + timedelta(hours=1)).id
    others = [
        alert(state="ended"),
        alert(since=AT),
        alert(series=Series("skill", "invoice-reminder")),
    ]
    assert len({each.id for each in [alert(), *others]}) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"series": Series("topic", "x\r\nBcc: all@desk.example")},
        {"series": Series("topic", "")},
        {"phrases": ("see https://evil.example",)},
        {"phrases": ("<b>bold</b>",)},
        {"phrases": ("two\nlines",)},
        {"queue_ids": ("4ABC; rm",)},
        {"languages": (("sv\n", 3),)},
        {"at": datetime(2026, 11, 23)},  # noqa: DTZ001 - that is the mistake
    ],
)
def test_what_a_stranger_could_have_written_does_not_get_in(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not fit|zone"):
        alert(**changes)


def test_a_signature_fits_its_body_key_and_time() -> None:
    body = webhook_body(alert())
    value = sign(body, [KEY], NOW)
    assert value.startswith(f"t={NOW},v1=")
    assert verify(body, value, KEY, NOW + TOLERANCE)
    assert not verify(body, value, KEY, NOW + TOLERANCE + 1)
    assert not verify(body + b" ", value, KEY, NOW)
    assert not verify(body, value, b"another key", NOW)
    assert not verify(body, value.replace(f"t={NOW}", f"t={NOW + 1}"), KEY, NOW)


def test_while_a_key_is_replaced_both_fit() -> None:
    value = sign(b"{}", [b"new", b"old"], NOW)
    assert verify(b"{}", value, b"new", NOW)
    assert verify(b"{}", value, b"old", NOW)


def test_the_signature_is_the_one_that_other_programs_reckon() -> None:
    """HMAC-SHA256 of "1000.{}" under "key", by openssl: `printf 1000.{} | openssl dgst -sha256 -hmac key`."""
    assert sign(b"{}", [b"key"], 1000) == "t=1000,v1=" + OPENSSL


OPENSSL = "c32de42341dece79a1511c9e7f74a2734112edcfcf48943c976faf07047065db"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_header_value_breaks_the_check(value: str) -> None:
    assert not verify(b"{}", value, KEY, NOW)


def test_tries_grow_further_apart_and_end() -> None:
    waits = [next_try("id", tries, 503) for tries in range(1, len(RETRIES) + 1)]
    for wait, plain in zip(waits, RETRIES, strict=True):
        assert wait is not None
        assert 0.9 * plain <= wait <= 1.1 * plain
    assert next_try("id", len(RETRIES) + 1, 503) is None


@pytest.mark.parametrize("status", [None, 301, 400, 404, 408, 429, 500, 503])
def test_what_somebody_may_mend_is_tried_again(status: int | None) -> None:
    assert next_try("id", 1, status) is not None


@pytest.mark.parametrize("status", [200, 202, 204, 410])
def test_done_is_done_and_gone_is_gone(status: int) -> None:
    assert next_try("id", 1, status) is None


def test_a_receiver_may_ask_for_patience_but_not_for_ever() -> None:
    assert next_try("id", 1, 429, retry_after=600) == 600
    assert next_try("id", 1, 429, retry_after=10**9) == 86400


def test_tries_are_spread_and_the_same_on_every_node() -> None:
    waits = [next_try(f"id-{number}", 3, 503) for number in range(50)]
    assert len(set(waits)) > 25
    assert waits == [next_try(f"id-{number}", 3, 503) for number in range(50)]
