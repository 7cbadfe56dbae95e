"""What `check` says of acknowledgements: every problem at its place in the file, all at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.service.load import Everything, LoadError, read_everything

ANSWERED = "Thank you, your message is here. Reference: {{ reference }}"
TEXT = f'subject_marker = "Got it: "\nsubject = "Got it"\ntext = "{ANSWERED}"\n'
BOX = '[mailboxes."help@desk.example"]\n'
BOX_IN_CAPITALS = '[mailboxes."Help@Desk.example"]\n'
LANGUAGES = "da, de, en, es, fi, fr, it, nb, nl, pl, pt, sv"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the administrator's own texts are."""
    (tmp_path / "acks").mkdir()
    return tmp_path


Read = Callable[[str], Everything]


@pytest.fixture
def read(directory: Path) -> Read:
    """Read a configuration with that text, and everything that it names."""

    def read_text(toml: str) -> Everything:
        file = directory / "mailtriage.toml"
        rest = "[policies]\nshipped = false\n"
        if "[state]" not in toml:
            rest += f"[state]\nurl = 'sqlite://{directory}/state.db'\n"
        file.write_text(f"{toml}\n{rest}", encoding="utf-8")
        return read_everything([file])

    return read_text


@pytest.fixture
def problems(read: Read, directory: Path) -> Callable[[str], list[str]]:
    """The same, for the lines that it prints; without the directory, and the usual advice."""

    def problems_of(toml: str) -> list[str]:
        try:
            found = read(toml).problems
        except LoadError as error:
            found = error.problems
        lines = [str(problem).replace(f"{directory}/", "") for problem in found]
        advice = ("trusted_authserv_ids: warning", "policies.shipped: warning")
        return [line for line in lines if not any(each in line for each in advice)]

    return problems_of


Problems = Callable[[str], list[str]]


IN_BOX = 'mailtriage.toml:2: mailboxes."help@desk.example".'
NEVER = "".join(f'{day} = ""\n' for day in ("monday", "tuesday", "wednesday", "thursday", "friday"))
TOGETHER = {
    '[ack]\nfallback_languages = ["en", "xx"]': (
        "mailtriage.toml:2: ack.fallback_languages[1]: there is no text for 'xx'"
        f" — there are {LANGUAGES}"
    ),
    '[ack]\n\nfallback_languages = [\n"sv",\n"xx"]': (
        "mailtriage.toml:5: ack.fallback_languages[1]: there is no text for 'xx'"
        f" — there are {LANGUAGES}"
    ),
    f'{BOX}calendar = "desc"\n[calendars.desk]\n': (
        f"{IN_BOX}calendar: there is no calendar \"desc\" — did you mean 'desk'?"
    ),
    f'{BOX}calendar = "desk"': (
        f'{IN_BOX}calendar: there is no calendar "desk" — write a section [calendars.desk]'
    ),
    f"{BOX}[calendars.a]\n[calendars.b]": (
        'mailtriage.toml:1: mailboxes."help@desk.example".calendar: warning: names none of'
        " several calendars: Monday to Friday, 9 to 17 UTC is used — one of a, b"
    ),
    f'{BOX}ack = "delegate"\n[calendars.a]\n[calendars.b]': "",
    f'{BOX}calendar = "b"\n[calendars.a]\n[calendars.b]': "",
    f"{BOX}[calendars.a]": "",
    '[calendars.a]\ncountry = "XX"': (
        'mailtriage.toml:2: calendars.a.country: no public holidays are known of "XX"'
        " — write its code of two letters (ISO 3166-1), or leave it out and list closed days"
    ),
    '[calendars.a]\nregion = "BY"': (
        'mailtriage.toml:2: calendars.a.region: a region without its country — write country = "DE"'
    ),
    f"[calendars.a]\n{NEVER}": (
        "mailtriage.toml:1: calendars.a: never opens: no answer can be promised"
        ' — write monday = "09:00-17:00"'
    ),
    f'{BOX}profile = "zamad"': f"{IN_BOX}profile: there is no helpdesk profile 'zamad' — did you mean 'zammad'?",
    f'{BOX}skills = [\n"biling"]': (
        'mailtriage.toml:3: mailboxes."help@desk.example".skills[0]: there is no policy for the'
        " skill 'biling'"
    ),
    '[targets.skills.bilings]\nhigh = "1h"': (
        "mailtriage.toml:1: targets.skills.bilings: there is no policy for the skill 'bilings'"
    ),
    '[targets.skills.general]\nhigh = "1h"': "",
    f'{BOX_IN_CAPITALS}calendar = "desk"': (
        'mailtriage.toml:2: mailboxes."Help@Desk.example".calendar: there is no calendar "desk"'
        " — write a section [calendars.desk]"
    ),
    f'{BOX_IN_CAPITALS}profile = "zamad"': (
        'mailtriage.toml:2: mailboxes."Help@Desk.example".profile: there is no helpdesk profile'
        " 'zamad' — did you mean 'zammad'?"
    ),
    '[mailboxes."Postmaster@desk.example"]\n': (
        'mailtriage.toml:1: mailboxes."Postmaster@desk.example": warning: mail to'
        " postmaster@desk.example is never acknowledged (rule E7): robots write there too"
        ' — write ack = "off"'
    ),
    '[mailboxes."abuse@desk.example"]\nack = "off"': "",
    f'{BOX}aliases = ["a@desk.example",\n"dmarc-reports@desk.example"]': (
        'mailtriage.toml:3: mailboxes."help@desk.example".aliases[1]: warning: mail to'
        " dmarc-reports@desk.example is never acknowledged (rule E7): robots write there too"
        " — give it a section"
    ),
    '[mailboxes."privacy@desk.example"]\n': (
        'mailtriage.toml:1: mailboxes."privacy@desk.example": warning: mail to'
        " privacy@desk.example is never acknowledged (rule E7): robots write there too"
        " — unless the mailbox has a name"
    ),
    '[mailboxes."privacy@desk.example"]\nname = "Your data"': "",
}


@pytest.mark.parametrize(("toml", "expected"), TOGETHER.items())
def test_what_only_shows_when_everything_is_seen_together(
    problems: Problems, toml: str, expected: str
) -> None:
    assert problems(toml) == ([expected] if expected else [])


def test_a_region_that_has_no_holidays_of_its_own(problems: Problems) -> None:
    (problem,) = problems('[calendars.a]\ncountry = "DE"\nregion = "Bayern"')
    assert problem.startswith(
        'mailtriage.toml:3: calendars.a.region: "Bayern" is no region of DE with public holidays'
    )
    assert "BY" in problem


OWN = '[ack]\ntemplates = "{directory}/acks"\n'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (TEXT.replace("}}", "}"), "acks/sv.toml:3: text"),
        (TEXT.replace("reference", "refrence"), "acks/sv.toml:3: text"),
        (TEXT.replace("text =", "txt ="), "acks/sv.toml:3: txt"),
        ("text = \n", "acks/sv.toml:1"),
        (TEXT.replace("Got it: ", "Auto: \\n"), "acks/sv.toml:1: subject_marker"),
    ],
    ids=[
        "a template that does not end",
        "an unknown name",
        "an unknown key",
        "no TOML",
        "two lines",
    ],
)
def test_an_own_text_that_is_broken_is_refused_at_its_line(
    problems: Problems, directory: Path, text: str, place: str
) -> None:
    (directory / "acks" / "sv.toml").write_text(text, encoding="utf-8")
    found = problems(OWN.format(directory=directory))
    assert found
    assert found[0].startswith(place), found
    assert all(" warning: " not in line for line in found)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("text = '{{ refrence }}'\n[update]\ntext = '{{ promisd }}'\n", ["1: text", "3: update"]),
        ("[survey]\ntext = '{{ received }}'\n", ["2: survey.text"]),
        ("text = \n", ["1:"]),
    ],
    ids=["one of each mail", "a survey without its votes", "no TOML"],
)
def test_what_is_wrong_with_updates_and_surveys_is_told_with_it_and_once(
    problems: Problems, directory: Path, text: str, places: list[str]
) -> None:
    (directory / "acks" / "sv.toml").write_text(text, encoding="utf-8")
    found = problems(OWN.format(directory=directory))
    assert len(found) == len(places)
    for line, place in zip(found, places, strict=True):
        assert line.startswith(f"acks/sv.toml:{place}")


def test_an_own_text_is_used(read: Read, directory: Path) -> None:
    (directory / "acks" / "sv.toml").write_text(TEXT, encoding="utf-8")
    texts = read(OWN.format(directory=directory)).texts
    assert texts.by_language["sv"].subject_marker == "Got it: "
    assert texts.by_language["de"].subject_marker != "Got it: "


def test_an_own_language_may_be_fallen_back_to(read: Read, directory: Path) -> None:
    (directory / "acks" / "cs.toml").write_text(TEXT, encoding="utf-8")
    toml = OWN.format(directory=directory) + 'fallback_languages = ["cs"]\n'
    assert read(toml).texts.choose("und", ("cs",))[0].language == "cs"


def test_all_of_it_is_told_at_once(problems: Problems, directory: Path) -> None:
    (directory / "acks" / "sv.toml").write_text("text = \n", encoding="utf-8")
    found = problems(
        OWN.format(directory=directory)
        + f'{BOX}profile = "nobody"\ncalendar = "x"\n[calendars.a]\nregion = "x"\n'
    )
    told = "\n".join(found)
    assert "acks/sv.toml:1" in told
    assert "there is no helpdesk profile 'nobody'" in told
    assert "a region without its country" in told


def test_the_shipped_texts_have_nothing_to_be_told(read: Read) -> None:
    everything = read(BOX)
    assert sorted(everything.texts.by_language) == LANGUAGES.split(", ")
    assert everything.texts.warnings == ()


def test_a_skill_that_targets_name_is_compared_with_those_there_are(directory: Path) -> None:
    file = directory / "mailtriage.toml"
    file.write_text("[targets.skills.bilings]\nhigh = '1h'\n", encoding="utf-8")
    with pytest.raises(LoadError) as refused:
        read_everything([file])
    (problem,) = refused.value.problems
    assert str(problem).endswith("the skill 'bilings' — did you mean 'billing'?")


def test_a_secret_that_the_start_would_refuse(problems: Problems, directory: Path) -> None:
    secret = directory / "the-secret"
    toml = f"[state]\nsecret_file = '{secret}'\nurl = 'sqlite://{directory}/state.db'\n"
    assert problems(toml + BOX) == [], "the first start makes it"
    secret.write_bytes(b"short")
    secret.chmod(0o600)
    (problem,) = problems(toml + BOX)
    assert problem.startswith("mailtriage.toml:2: state.secret_file: the-secret: has 5 bytes")
    secret.write_bytes(bytes(32))
    assert problems(toml + BOX) == []
    secret.chmod(0o644)
    (problem,) = problems(toml + BOX)
    assert "others may read or change it; run chmod o= " in problem
    assert problems(toml) == [], "without a mailbox it is not needed"


def test_places_where_nothing_can_be_kept(problems: Problems, directory: Path) -> None:
    (directory / "file").touch()
    url = f"url = 'sqlite://{directory}/new/state.db'\n"
    (problem,) = problems(f"[state]\n{url}secret_file = '{directory}/none/secret'\n{BOX}")
    assert problem == (
        "mailtriage.toml:3: state.secret_file: there is no directory none, so no secret can be"
        " made there — make it; the user of the service must own it"
    )
    (problem,) = problems(f"[state]\nurl = 'sqlite://{directory}/file/state.db'\n{BOX}")
    assert problem == "mailtriage.toml:2: state.url: file is not a directory"
    assert problems(f"[state]\n{url}{BOX}") == [], "the directory is made at the start"
