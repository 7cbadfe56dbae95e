"""Durations and sizes as people write them."""

import re

import pytest

from mailtriage.config.units import seconds, size_in_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5),
        ("300ms", 0.3),
        ("2s", 2.0),
        ("2 s", 2.0),
        ("1.5m", 90.0),
        ("1h", 3600.0),
        ("7d", 604_800.0),
        ("0", 0.0),
        ("0s", 0.0),
    ],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2", '"2" has no unit'),
        ("2 sec", '"sec" is not a unit of time'),
        ("2M", '"M" is not a unit of time'),
        ("soon", '"soon" is not a duration'),
        ("-1s", '"-1s" is not a duration'),
        ("1m30s", '"1m30s" is not a duration'),
        ("", '"" is not a duration'),
        ("s", '"s" is not a duration'),
        ("٣s", '"٣s" is not a duration'),
    ],
)
def test_no_durations(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096B", 4096),
        ("256KiB", 262_144),
        ("256 kib", 262_144),
        ("1.5MiB", 1_572_864),
        ("10MB", 10_000_000),
        ("10kB", 10_000),
        ("2GiB", 2_147_483_648),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert size_in_bytes(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("256K", '"K" is not a unit of size'),
        ("1.3B", '"1.3B" is not a whole number of bytes'),
        ("-5", '"-5" is not a size'),
        ("big", '"big" is not a size'),
        ("1e9", '"1e9" is not a size'),
    ],
)
def test_no_sizes(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        size_in_bytes(text)
