"""[metrics]: who may ask, and where."""

from collections.abc import Callable

import pytest

from mailtriage.config import Loaded

Problems = Callable[[str], list[str]]


def test_by_default_this_machine_may_ask(loaded: Callable[[str], Loaded]) -> None:
    metrics = loaded("").config.metrics
    assert str(metrics.listen) == "inet:127.0.0.1:8895"
    assert metrics.networks.contains("127.0.0.1")
    assert not metrics.networks.contains("192.0.2.1")


def test_empty_switches_it_off(loaded: Callable[[str], Loaded]) -> None:
    assert loaded('[metrics]\nlisten = ""\n').config.metrics.listen is None


@pytest.mark.parametrize(
    "toml",
    [
        'listen = "inet:[::1]:8895"',
        'listen = "unix:/run/mailtriage/metrics.sock"',
        'listen = "inet:192.0.2.1:8895"\nnetworks = ["10.0.0.0/8"]',
        'listen = ""\nnetworks = ["0.0.0.0/0"]',
    ],
)
def test_what_is_fine(problems: Problems, toml: str) -> None:
    assert problems(f"[metrics]\n{toml}\n") == []


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('listen = "inet:0.0.0.0:8895"', "answers none of them"),
        ('listen = "inet:0.0.0.0:8895"\nnetworks = ["0.0.0.0/0"]', "0.0.0.0/0 may read"),
        ('listen = "inet:0.0.0.0:8895"\nnetworks = ["8.8.8.8"]', "8.8.8.8/32 may read"),
        ('listen = "fd:3"', "only the milter can inherit"),
        ('listen = "127.0.0.1"', "has no host or no port"),
        ('networks = ["10.0.0.1/8"]', "host bits"),
    ],
)
def test_what_check_says(problems: Problems, toml: str, says: str) -> None:
    (problem,) = problems(f"[metrics]\n{toml}\n")
    assert says in problem


def test_the_port_must_be_free_of_our_own(problems: Problems) -> None:
    (problem,) = problems('[milter]\nlisten = "inet:127.0.0.1:8895"\n')
    assert "metrics.listen" in problem
    assert "the same address as milter.listen" in problem
