"""[profiles.NAME] and routes: what is wrong with them is named, with its line, before mail comes."""

from pathlib import Path

import pytest

from mailtriage.config import ConfigError, load
from mailtriage.config.profiles import Profile
from mailtriage.service.load import LoadError, read_everything

MAILBOX = '[mailboxes."help@desk.example"]\nprofile = "{profile}"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailtriage.toml"


def profile(file: Path, toml: str, name: str = "znuny") -> Profile:
    file.write_text(MAILBOX.format(profile=name) + toml, encoding="utf-8")
    return load([file]).config.profiles[name]


def test_words_of_ones_own_lie_over_those_of_the_profile(file: Path) -> None:
    found = profile(file, '[profiles.znuny.map.priority]\nurgent = "6 burning"\n')
    (priority,) = [emit for emit in found.emits if emit.name == "priority"]
    assert priority.word("urgent") == "6 burning"
    assert priority.word("low") == "2 low"


def test_what_only_the_organisation_knows_is_not_sent_until_it_says_so(file: Path) -> None:
    assert "queue" not in [emit.name for emit in profile(file, "").sent]
    named = profile(file, '[profiles.znuny.map.queue]\nbilling = "Billing"\ndefault = "Raw"\n')
    (queue,) = [emit for emit in named.sent if emit.name == "queue"]
    assert queue.routed_word("billing", "de") == "Billing"
    assert queue.routed_word("sales", "de") == "Raw"


def test_a_field_that_needs_a_later_version_is_left_out(file: Path) -> None:
    def sent(version: str) -> list[str]:
        toml = f'[profiles.zammad]\nversion = "{version}"\n'
        return [emit.name for emit in profile(file, toml, "zammad").sent]

    assert "tags" not in sent("6.4.1")
    assert "tags" in sent("7.0")
    assert "tags" in sent("7.1.2")
    assert "tags" in sent("10")
    assert "tags" not in [emit.name for emit in profile(file, "", "zammad").sent]


def test_what_is_switched_off_or_renamed_is_still_taken_from_strangers(file: Path) -> None:
    found = profile(
        file,
        '[profiles.znuny]\noff = ["priority"]\n[profiles.znuny.headers]\nlanguage = "X-Speech"\n',
    )
    assert "priority" not in [emit.name for emit in found.emits]
    assert {"x-otrs-priority", "x-speech", "x-otrs-dynamicfield-triagelanguage"} <= set(
        found.strips
    )


def test_a_second_helpdesk_of_the_same_kind_has_a_name_of_its_own(file: Path) -> None:
    toml = '[profiles.second]\nbase = "znuny"\n[profiles.second.map.queue]\ndefault = "B"\n'
    assert profile(file, toml, "second").strips == profile(file, "").strips


def test_a_profile_sets_the_defaults_of_its_mailboxes_and_no_more(file: Path) -> None:
    def ack(more: str) -> str:
        file.write_text(MAILBOX.format(profile="rt5") + more, encoding="utf-8")
        return load([file]).config.mailboxes.mailboxes[0].ack

    assert ack("") == "delegate"
    assert ack('ack = "deferred"\n') == "deferred"


@pytest.mark.parametrize(
    ("toml", "line", "what"),
    [
        ("[profiles.znuni]\n", 3, "no helpdesk profile 'znuni' — did you mean 'znuny'?"),
        ('[profiles.own]\nbase = "znuni"\n', 4, "did you mean 'znuny'?"),
        ('[profiles.znuny]\noff = ["langage"]\n', 4, "did you mean 'language'?"),
        ('[profiles.znuny]\nversion = "new"\n', 4, '"new" is no version'),
        ("[profiles.znuny]\nversoin = '6'\n", 4, "unknown key — did you mean 'version'?"),
        ('[profiles.znuny.map.qeue]\ndefault = "A"\n', 3, "did you mean 'queue'?"),
        ('[profiles.znuny.map.priority]\nurgnt = "5"\n', 4, "did you mean 'urgent'?"),
        ("[profiles.znuny.map.priority]\nurgent = 5\n", 4, "expected a string"),
        ('[profiles.znuny.headers]\nlanguage = "X Y"\n', 4, "does not fit"),
        ('[profiles.znuny.headers]\nspeech = "X-Y"\n', 4, "the profile sends no 'speech'"),
        ('[profiles.ours]\nfile = "/no/such/file.toml"\n', 1, "cannot be read"),
        ('routes.billing = "nobody"\n', 3, '"nobody" is not an e-mail address'),
        ('route = "recipent"\n', 3, "did you mean 'recipient'?"),
    ],
)
def test_a_mistake_is_named_with_its_line(file: Path, toml: str, line: int, what: str) -> None:
    file.write_text(MAILBOX.format(profile="znuny") + toml, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load([file])
    found = [str(problem) for problem in caught.value.problems if not problem.warning]
    assert any(what in problem and f":{line}: " in problem for problem in found), found


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        (
            '[profiles.own]\nfile = "{folder}/own.toml"\n[profiles.own.map.queue]\nbilling = "B"\n',
            "the skill 'account' has no word — add account or default under [profiles.own.map.queue]",
        ),
        (
            ('[profiles.own]\nfile = "{folder}/own.toml"\n[profiles.own.map.queue]\n'
            'biling-de = "B"\ndefault = "A"\n'),
            "there is no skill 'biling' — billing",
        ),
        (
            ('[profiles.own]\nfile = "{folder}/own.toml"\n[profiles.own.map.queue]\n'
            'default = "Zürich"\n'),
            "'Zürich' is not ASCII",
        ),
        (
            ('[profiles.own]\nfile = "{folder}/own.toml"\n[profiles.own.map.queue]\n'
            'default = "auto-reply desk"\n'),
            "helpdesks take it for the mark of an automatic mail",
        ),
        ('routes.biling = "b@desk.example"\nroute = "recipient"\n', "there is no skill 'biling'"),
        ('route = "recipient"\n', "there are no routes"),
        (
            'route = "postfix"\nroutes.billing = "b@desk.example"\n',
            "REDIRECT takes the hidden recipient away",
        ),
    ],
)  # fmt: skip
def test_what_the_helpdesk_would_file_wrongly_is_refused(
    file: Path, tmp_path: Path, toml: str, what: str
) -> None:
    (tmp_path / "own.toml").write_text(
        'title = "Ours"\n[emit.queue]\nheader = "X-Desk-Queue"\nfrom = "route"\nneeds_map = true\n'
    )
    name = "own" if "profiles.own" in toml else "znuny"
    file.write_text(MAILBOX.format(profile=name) + toml.format(folder=tmp_path), encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        read_everything([file])
    assert what.split(" — ", maxsplit=1)[0] in str(caught.value)


def test_a_form_of_subjects_has_one_name_and_one_number(file: Path, tmp_path: Path) -> None:
    """Several would be tried in every combination on what a stranger writes."""
    own = tmp_path / "own.toml"
    own.write_text('title = "Ours"\n[inbound]\nsubject_tokens = ["{name}{name}{number}"]\n')
    with pytest.raises(ConfigError, match="once at most"):
        profile(file, f'[profiles.own]\nfile = "{own}"\n', "own")
