"""[dry_run], [exempt] and a mailbox's own dry_run: what they say, and what is refused."""

from collections.abc import Callable

import pytest

from mailtriage.config import Loaded
from mailtriage.config.trial import ACTIONS
from tests.config.conftest import Problems

Load = Callable[[str], Loaded]
HELP, SALES = '[mailboxes."help@desk.example"]\n', '[mailboxes."sales@desk.example"]\n'


@pytest.mark.parametrize(
    ("written", "help_says", "expected"),
    [
        ("", "", ()),
        ("all = true", "", ACTIONS),
        ('actions = ["route", "tags"]', "", ("tags", "route")),
        ('all = true\nactions = ["tags"]', "", ACTIONS),
        ("", "dry_run = true", ACTIONS),
        ("all = true", "dry_run = false", ()),
        ('actions = ["tags"]', "dry_run = false", ()),
        ('actions = ["tags"]', "dry_run = true", ACTIONS),
    ],
)
def test_what_is_only_tried_of_a_mailbox(
    loaded: Load, written: str, help_says: str, expected: tuple[str, ...]
) -> None:
    config = loaded(f"[dry_run]\n{written}\n{HELP}{help_says}\n{SALES}").config
    found = config.mailboxes.find("help@desk.example")
    assert found is not None
    assert found.tries == expected
    assert config.mailboxes.mailboxes[0] == found
    other = config.mailboxes.find("sales@desk.example")
    assert other is not None
    assert other.tries == config.dry_run.actions


@pytest.mark.parametrize("mode", ["send", "delegate", "deferred", "off"])
def test_a_mailbox_that_only_tries_to_acknowledge_is_one_that_does_not(
    loaded: Load, mode: str
) -> None:
    text = f'{HELP}ack = "{mode}"\naliases = ["support@desk.example"]\n'
    live = loaded(text).config.mailboxes.find("support@desk.example")
    dry = loaded(f'[dry_run]\nactions = ["acknowledge"]\n{text}').config.mailboxes.find(
        "support@desk.example"
    )
    assert live is not None
    assert dry is not None
    assert (live.ack, live.planned_ack) == (mode, mode)
    assert (dry.ack, dry.planned_ack) == ("off", mode)


def test_the_effective_setting_of_a_mailbox_is_shown(loaded: Load) -> None:
    settings = {
        setting.path: (setting.value, setting.given)
        for setting in loaded(f"[dry_run]\nall = true\n{HELP}{SALES}dry_run = false\n").settings
    }
    assert settings["mailboxes", "help@desk.example", "dry_run"] == (True, False)
    assert settings["mailboxes", "sales@desk.example", "dry_run"] == (False, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[dry_run]\nall = true\n",
            (
                "2: dry_run.all: warning: dry run: tags, acknowledge, route only worked out, not done"
                " — X-Mailtriage-Dry-Run says what would be"
            ),
        ),
        (
            '[dry_run]\nactions = ["acknowledge"]\n',
            (
                "2: dry_run.actions: warning: dry run: acknowledge only worked out, not done"
                " — X-Mailtriage-Dry-Run says what would be"
            ),
        ),
        (
            '[dry_run]\npolicies = ["billing", "churn"]\n',
            (
                "2: dry_run.policies: warning: dry run: billing, churn count for no tag"
                " — each mail is judged twice"
            ),
        ),
        (
            f"{HELP}dry_run = true\n",
            '2: mailboxes."help@desk.example".dry_run: warning: dry run: nothing is done to its mail',
        ),
        (
            '[exempt]\nnetworks = ["0.0.0.0/0"]\n',
            (
                "2: exempt.networks[0]: warning: 0.0.0.0/0 holds every address: no mail is tagged or"
                " acknowledged"
            ),
        ),
    ],
)
def test_a_trial_is_not_forgotten(problems: Problems, text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_what_postfix_redirects_cannot_be_tried(problems: Problems) -> None:
    routes = (
        f'{HELP}ack = "off"\nroute = "postfix"\n'
        '[mailboxes."help@desk.example".routes]\nbilling = "billing@desk.example"\n'
    )
    said = "Postfix redirects by X-Mailtriage-Route all the same"
    assert not any(said in line for line in problems(routes))
    assert any(said in line for line in problems(f'[dry_run]\nactions = ["route"]\n{routes}'))
    assert not any(said in line for line in problems(f"[dry_run]\nall = true\n{routes}"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[dry_run]\nactions = ["tag"]', "did you mean 'tags'"),
        ("[dry_run]\nall = 1", "true or false"),
        ('[dry_run]\npolicies = ["Billing!"]', "dry_run.policies[0]"),
        ("[dry_run]\nal = true", "did you mean 'all'"),
        ('[exempt]\nsenders = ["nobody"]', "neither an address nor a domain"),
        ('[exempt]\nsenders = ["*@a.example"]', "neither an address nor a domain"),
        ('[exempt]\nrecipients = ["@"]', "neither an address nor a domain"),
        ('[exempt]\nrecipients = ["a@b@c.example"]', "neither an address nor a domain"),
        ('[exempt]\nnetworks = ["192.0.2.1/33"]', "exempt.networks[0]"),
        (f'{HELP}dry_run = "yes"', "true or false"),
    ],
)
def test_mistakes_are_named(problems: Problems, text: str, what: str) -> None:
    assert any(what in line for line in problems(text))


EXEMPT = """\
[exempt]
networks = ["192.0.2.0/24", "2001:db8::/32"]
senders = ["Ann@Partner.example", "@möbel.example"]
recipients = ["archive@desk.example", "@lists.example"]
"""


@pytest.mark.parametrize(
    ("client", "senders", "recipients", "why"),
    [
        ("192.0.2.7", (), (), "network"),
        ("::ffff:192.0.2.7", (), (), "network"),
        ("2001:db8::1", (), (), "network"),
        ("198.51.100.7", ("ann@partner.example", ""), (), "sender"),
        ("", ("", "ANN+shop@partner.EXAMPLE"), (), "sender"),
        ("", ("kim@xn--mbel-5qa.example",), (), "sender"),
        ("", ("kim@MÖBEL.example",), (), "sender"),
        ("", ("bert@partner.example", "kim@shop.xn--mbel-5qa.example"), (), ""),
        ("", (), ("archive@desk.example", "x@LISTS.example"), "recipient"),
        ("", (), ("archive+2026@desk.example",), "recipient"),
        ("", (), ("archive@desk.example", "help@desk.example"), ""),
        ("", (), (), ""),
        ("not an address", ("", "@", "ann", "partner.example"), ("",), ""),
        ("", ("@möbel.example",), (), "sender"),
    ],
)
def test_who_is_exempt(
    loaded: Load, client: str, senders: tuple[str, ...], recipients: tuple[str, ...], why: str
) -> None:
    assert loaded(EXEMPT).config.exempt.why(client, senders, recipients) == why


def test_nobody_is_exempt_unless_somebody_says_so(loaded: Load) -> None:
    everybody = ("127.0.0.1", ("a@b.example", ""), ("help@desk.example",))
    assert loaded("").config.exempt.why(*everybody) == ""
