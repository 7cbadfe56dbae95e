"""What the commands say of a dry run and of exempt mail."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Call, Write

TOML = """\
[policies]
directories = ["{policies}"]
shipped = false
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[state]
url = "sqlite://{policies}/state.db"
[mailboxes."help@desk.example"]
"""
POLICY = (
    'skill = "billing"\nsignal = [{ id = "billing-word", weight = 3, words.any = ["invoice"] }]\n'
)
MAIL = b"""\
Return-Path: <joe@customer.example>
Delivered-To: help@desk.example
Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=customer.example
From: Joe <joe@customer.example>
To: help@desk.example
Subject: Question
Date: Mon, 23 Nov 2026 09:00:00 +0100
Message-ID: <m1@customer.example>
X-Mailtriage-Skill: sales

Hello, I have lost the invoice of October, please send it once more. Thank you.
"""


@pytest.fixture
def config(write: Write) -> "Configure":
    return Configure(write)


class Configure:
    """`config("[dry_run]\\nall = true")` writes a configuration with that in it."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def __call__(self, more: str) -> Path:
        folder = self._write("policies/billing.toml", POLICY).parent
        return self._write("c.toml", TOML.format(policies=folder) + more)


def explained(call: Call, config: Path) -> dict[str, object]:
    done = call("--config", config, "explain", "--json", "-", stdin=MAIL)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert isinstance(found, dict)
    return found


def test_explain_says_what_is_only_tried(call: Call, config: Configure) -> None:
    file = config('[dry_run]\nall = true\npolicies = ["billing"]\n')
    page = call("--config", file, "explain", "-", stdin=MAIL).out
    assert "dry run: tags, acknowledge, route only tried\n" in page
    assert "dry run: with billing the tags would be others\n" in page
    assert "+ X-Mailtriage-Dry-Run: v=1; " in page
    found = explained(call, file)
    assert (found["dry_run"], found["dry_run_policies"]) == (
        ["tags", "acknowledge", "route"],
        ["billing"],
    )
    assert found["skill"] == "general"
    ack = found["ack"]
    assert isinstance(ack, dict)
    assert ack["send"] is True, "what would be answered"


def test_explain_says_that_a_mail_is_exempt(call: Call, config: Configure) -> None:
    file = config('[exempt]\nsenders = ["@customer.example"]\n')
    page = call("--config", file, "explain", "-", stdin=MAIL).out
    assert "no headers are added: the mail is exempt by its sender\n" in page
    assert "- x-mailtriage-skill" in page
    found = explained(call, file)
    assert (found["exempt"], found["headers"]) == ("sender", [])
    assert explained(call, config(""))["exempt"] == ""


def test_ack_shows_the_letter_and_that_nobody_gets_it(call: Call, config: Configure) -> None:
    live = call("--config", config(""), "ack", "-", stdin=MAIL)
    assert "dry run" not in live.err
    file = config('[dry_run]\nactions = ["acknowledge"]\n')
    dry = call("--config", file, "ack", "-", stdin=MAIL)
    assert (dry.code, dry.out) == (0, live.out)
    assert "To: joe@customer.example\n" in dry.out
    assert "dry run: nobody is sent this" in dry.err
    raw = call("--config", file, "ack", "--raw", "-", stdin=MAIL)
    assert "dry run" not in raw.out


def test_ack_says_that_a_mail_is_exempt(call: Call, config: Configure) -> None:
    file = config('[exempt]\nrecipients = ["help@desk.example"]\n')
    done = call("--config", file, "ack", "-", stdin=MAIL)
    assert done.out == "no acknowledgement: the mail is exempt by its recipient\n"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (
            '[dry_run]\npolicies = ["bilding"]\n',
            "there is no policy 'bilding' — did you mean 'billing'?",
        ),
        ('[dry_run]\npolicies = ["mod"]\n', "there is no policy 'mod' — did you mean 'mood'?"),
        ('[dry_run]\nactions = ["ack"]\n', "dry_run.actions[0]"),
    ],
)
def test_check_names_what_is_not_there(call: Call, config: Configure, more: str, what: str) -> None:
    done = call("--config", config(more), "check")
    assert done.code == 1
    assert what in done.err


def test_check_warns_that_it_is_on(call: Call, config: Configure) -> None:
    done = call("--config", config("[dry_run]\nall = true\n"), "check")
    assert done.code == 0, done.err
    assert "dry_run.all: warning: dry run: tags, acknowledge, route only worked out" in done.err


def test_config_shows_it(call: Call, config: Configure) -> None:
    done = call("--config", config("[dry_run]\nall = true\n"), "config", "--changed")
    assert "dry_run.all = true" in done.out
