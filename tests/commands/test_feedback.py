"""mailtriage feedback as a person calls it."""

import json
import mailbox
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mailtriage.acks.returns import Return, read_return_address
from mailtriage.acks.tokens import Tokens
from tests.commands.conftest import Call, Done, Write

SECRET = b"a secret of the tests, 32 bytes and more"
MAIL = "From: joe@customer.example\nMessage-ID: <m{}@customer.example>\nSubject: x\n\nHello\n"


@pytest.fixture
def config(write: Write, tmp_path: Path) -> Path:
    (tmp_path / "secret").touch(0o600)
    write("secret", SECRET)
    return write(
        "mailtriage.toml",
        f'[state]\nurl = "sqlite://{tmp_path}/state.db"\n'
        '[return_addresses]\ndomain = "triage.desk.example"\n',
    )


@pytest.fixture
def mail(write: Write) -> Path:
    return write("a.eml", MAIL.format(1))


def listed(call: Call, config: Path, *options: str) -> list[dict[str, str]]:
    done = call("--config", config, "feedback", "list", "--json", *options)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def values(rows: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(row["facet"], row["value"]) for row in rows}


def test_a_mail_is_corrected_in_several_facets_at_once(
    call: Call, config: Path, mail: Path
) -> None:
    done = call(
        "--config", config, "feedback", "--skill", "billing", "--priority", "HIGH",
        "--language", "pt-BR", "--answer", "good", mail,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert done.out == "skill billing, priority high, language pt, answer good: 1 mail\n"
    rows = listed(call, config)
    assert values(rows) == {
        ("skill", "billing"), ("priority", "high"), ("language", "pt"), ("answer", "good"),
    }  # fmt: skip
    message = Tokens(SECRET).pseudonym("message-id", "<m1@customer.example>").hex()
    assert {(row["source"], row["message"], row["said"]) for row in rows} == {
        ("command", message, "")
    }


def test_the_first_word_may_be_said(call: Call, config: Path, mail: Path) -> None:
    done = call("--config", config, "feedback", "correct", "--priority", "low", mail)
    assert done.code == 0
    assert values(listed(call, config)) == {("priority", "low")}


def test_the_last_correction_counts(call: Call, config: Path, mail: Path) -> None:
    for skill in ("billing", "returns"):
        call("--config", config, "feedback", "--skill", skill, mail)
    assert values(listed(call, config)) == {("skill", "returns")}


def test_every_place_that_mail_comes_from(
    call: Call, config: Path, tmp_path: Path, write: Write
) -> None:
    box = mailbox.Maildir(tmp_path / "box", create=True)
    box.add(MAIL.format(1))
    with_two = mailbox.mbox(tmp_path / "two.mbox")
    for number in (2, 3):
        with_two.add(MAIL.format(number))
    with_two.close()
    write("folder/a.eml", MAIL.format(4))
    done = call(
        "--config", config, "feedback", "--skill", "billing", tmp_path / "box",
        tmp_path / "two.mbox", tmp_path / "folder", "-", stdin=MAIL.format(5).encode(),
    )  # fmt: skip
    assert done.out == "skill billing: 5 mails\n"
    assert len(listed(call, config)) == 5


def said(call: Call, config: Path, *arguments: object) -> Done:
    return call("--config", config, "feedback", *arguments)


def test_a_name_that_nothing_has(call: Call, config: Path, mail: Path, tmp_path: Path) -> None:
    for arguments, hint in (
        (("--skill", "biling"), "did you mean 'billing'?"),
        (("--priority", "soon"), "one of urgent, high, normal, low"),
        (("--language", "klingon"), 'write "sv"'),
        (("--answer", "so so"), "neither good nor bad"),
    ):
        done = said(call, config, *arguments, mail)
        assert done.code == 2
        assert hint in done.err
    assert not (tmp_path / "feedback.db").exists()


def test_an_answer_template_that_there_is_not(
    call: Call, config: Path, mail: Path, tmp_path: Path, write: Write
) -> None:
    write(
        "answers/late.md",
        '+++\nid = "refund-late"\ntitle = "Late refund"\nlanguage = "en"\nskill = "billing"\n'
        'version = 1\nquestions = ["Where is my refund?"]\n+++\nHello,\n\nyour refund is on its way.\n',
    )
    config.write_text(config.read_text() + f'[answers]\nfolder = "{tmp_path}/answers"\n')
    done = said(call, config, "--answer", "refund-lat", mail)
    assert (done.code, "did you mean 'refund-late'?" in done.err) == (2, True)
    assert said(call, config, "--answer", "refund-late", mail).code == 0
    assert "answer    refund-late " in said(call, config, "address").out


def test_calls_that_are_wrong(call: Call, config: Path, mail: Path) -> None:
    for arguments in (
        (mail,),
        ("--skill", "billing"),
        ("list", "--since", "1x"),
        ("--skil", "x", mail),
    ):
        assert said(call, config, *arguments).code == 2


def test_what_cannot_be_read_does_not_keep_the_others_from_counting(
    call: Call, config: Path, mail: Path, write: Write
) -> None:
    without = write("without.eml", "From: joe@customer.example\nSubject: x\n\nHello\n")
    done = said(call, config, "--skill", "billing", without, "nowhere.eml", mail)
    assert done.code == 1
    assert "without.eml: has no Message-ID" in done.err
    assert "nowhere.eml: no such file" in done.err
    assert values(listed(call, config)) == {("skill", "billing")}


def test_without_the_secret_nothing_is_written(
    call: Call, config: Path, mail: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").unlink()
    done = said(call, config, "--skill", "billing", mail)
    assert (done.code, "there is no secret yet" in done.err) == (1, True)
    assert not (tmp_path / "feedback.db").exists()


def test_a_file_that_is_damaged_is_told(
    call: Call, config: Path, mail: Path, tmp_path: Path
) -> None:
    (tmp_path / "feedback.db").write_bytes(b"x" * 10_000)
    for arguments in (("--skill", "billing", mail), ("list",)):
        done = said(call, config, *arguments)
        assert (done.code, "feedback.db: is damaged" in done.err) == (1, True)


def test_what_is_older_than_the_retention_goes(
    call: Call, config: Path, mail: Path, write: Write
) -> None:
    said(call, config, "--skill", "billing", mail)
    config.write_text(config.read_text() + '[desk]\nretention = "7d"\n')
    with closing(sqlite3.connect(config.parent / "feedback.db")) as connection:
        connection.execute("UPDATE correction SET at = at - 8 * 86400")
        connection.commit()
    said(call, config, "--skill", "sales", write("b.eml", MAIL.format(2)))
    assert values(listed(call, config)) == {("skill", "sales")}


class TestList:
    def test_nothing_yet(self, call: Call, config: Path) -> None:
        done = said(call, config, "list")
        assert (done.code, done.out) == (0, "")
        assert "nothing has been corrected yet" in done.err

    def test_it_ends_with_what_was_taken_for_what(
        self, call: Call, config: Path, write: Write
    ) -> None:
        for number, skill in enumerate(("billing", "billing", "sales")):
            said(call, config, "--skill", skill, write(f"{number}.eml", MAIL.format(number)))
        done = said(call, config, "list", "--since", "7d")
        assert done.code == 0
        corrections, _, confusions = done.out.partition("\n\n")
        assert len(corrections.splitlines()) == 4
        assert [line.split() for line in confusions.splitlines()[1:]] == [
            ["skill", "-", "billing", "2"],
            ["skill", "-", "sales", "1"],
        ]

    def test_of_many_the_newest(self, call: Call, config: Path, tmp_path: Path) -> None:
        with_many = mailbox.mbox(tmp_path / "many.mbox")
        for number in range(60):
            with_many.add(MAIL.format(number))
        with_many.close()
        said(call, config, "--skill", "billing", tmp_path / "many.mbox")
        done = said(call, config, "list")
        assert "… and 10 more; --limit shows them" in done.out
        assert "billing     60" in done.out
        assert len(listed(call, config, "--limit", "7")) == 7


class TestAddress:
    def test_one_a_line_for_each_skill_and_priority(self, call: Call, config: Path) -> None:
        done = said(call, config, "address")
        assert (done.code, done.err) == (0, "")
        found = [line.split() for line in done.out.splitlines()]
        assert {("skill", "billing"), ("skill", "general"), ("priority", "urgent")} <= {
            (facet, value) for facet, value, _ in found
        }
        for facet, value, address in found:
            what = read_return_address(Tokens(SECRET), "triage.desk.example", address)
            assert what == Return("correction", facet=facet, value=value)

    def test_without_a_domain_there_are_none(self, call: Call, write: Write) -> None:
        done = call("--config", write("none.toml", ""), "feedback", "address")
        assert (done.code, done.out) == (1, "")
        assert "[return_addresses] domain" in done.err
