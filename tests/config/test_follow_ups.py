"""What customers may hear after the acknowledgement, and what the administrator must have for it."""

from pathlib import Path

import pytest

from mailtriage.config import Config, ConfigError, load

TRUST = '[authentication]\ntrusted_authserv_ids = ["mx.desk.example"]\n'
RETURNS = '[return_addresses]\ndomain = "triage.desk.example"\n'


def config_of(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "mailtriage.toml"
    file.write_text(TRUST + text, encoding="utf-8")
    return load([file]).config


def problems_of(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_of(tmp_path, text)
    return str(caught.value)


def test_nobody_hears_anything_by_default(tmp_path: Path) -> None:
    config = config_of(tmp_path, '[mailboxes."help@desk.example"]\n')
    (mailbox,) = config.mailboxes.mailboxes
    assert (mailbox.updates, mailbox.survey) == ("off", "off")
    assert config.follow_ups.returns.domain == ""


@pytest.mark.parametrize("key", ["updates", "survey"])
def test_without_a_domain_for_what_comes_back_neither_can_be_switched_on(
    tmp_path: Path, key: str
) -> None:
    said = problems_of(tmp_path, f'[mailboxes."help@desk.example"]\n{key} = "send"\n')
    assert f'mailtriage.toml:4: mailboxes."help@desk.example".{key}: there is no address' in said
    assert "[return_addresses]" in said


def test_with_one_they_can(tmp_path: Path) -> None:
    mailbox = '[mailboxes."help@desk.example"]\nupdates = "send"\nsurvey = "send"\n'
    config = config_of(tmp_path, RETURNS + mailbox)
    assert config.follow_ups.returns.domain == "triage.desk.example"
    assert config.follow_ups.updates.hours == ((480, 1200),)


def test_the_domain_must_be_for_nothing_else(tmp_path: Path) -> None:
    said = problems_of(tmp_path, RETURNS + '[mailboxes."help@triage.desk.example"]\n')
    assert "help@triage.desk.example is in it, and would get no mail any more" in said


@pytest.mark.parametrize("key", ["from", "reply_to"])
def test_nor_may_answers_to_an_acknowledgement_go_there(tmp_path: Path, key: str) -> None:
    mailbox = f'[mailboxes."help@desk.example"]\n{key} = "x@triage.desk.example"\n'
    assert "x@triage.desk.example is in it" in problems_of(tmp_path, RETURNS + mailbox)


@pytest.mark.parametrize("domain", ["mailtriage.invalid", "Triage.Invalid"])
def test_a_domain_that_exists_nowhere_gets_no_mail(tmp_path: Path, domain: str) -> None:
    """mailtriage.invalid would even take all hidden copies away from the desk."""
    said = problems_of(tmp_path, f'[return_addresses]\ndomain = "{domain}"\n')
    assert f'"{domain.lower()}" exists nowhere' in said


@pytest.mark.parametrize("wrong", ["triage", "triage desk.example", "-x.example", "a@b.example"])
def test_what_is_no_domain_is_told(tmp_path: Path, wrong: str) -> None:
    assert "is no domain" in problems_of(tmp_path, f'[return_addresses]\ndomain = "{wrong}"\n')


def test_who_acknowledges_nothing_has_nothing_to_follow_up(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    mailbox = '[mailboxes."help@desk.example"]\nack = "delegate"\nupdates = "send"\n'
    file.write_text(TRUST + RETURNS + mailbox, encoding="utf-8")
    (warning,) = load([file]).problems
    assert warning.warning
    assert 'has no effect with ack = "delegate"' in str(warning)
