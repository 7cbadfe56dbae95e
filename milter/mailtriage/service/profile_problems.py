"""Helpdesk profiles and routes as the configuration uses them: what would go wrong in silence."""

from collections.abc import Iterator, Sequence

from mailtriage.config import Loaded
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.profile_sections import profile_names
from mailtriage.policies.model import GENERAL
from mailtriage.tags.profile_checks import check_profile, unknown_route
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Problem, did_you_mean


def profile_problems(loaded: Loaded, skills: Sequence[str]) -> list[Problem]:
    """Profiles that are not there, words that are missing or cannot be sent, and routes that no
    mail can take. `skills`: all that there are, "general" included."""
    config = loaded.config
    problems: list[Problem] = []
    used: dict[str, list[Mailbox]] = {}
    for mailbox in config.mailboxes.mailboxes:
        path = mailbox.path
        if mailbox.profile not in config.profiles:
            what = f"there is no helpdesk profile '{mailbox.profile}'"
            hint = did_you_mean(mailbox.profile, profile_names(config.profiles))
            problems.append(loaded.problem((*path, "profile"), what, hint))
        used.setdefault(mailbox.profile, []).append(mailbox)
        problems += _route_problems(loaded, mailbox, skills)
    for name, mailboxes in used.items():
        if name in config.profiles:
            given = _skills_of(mailboxes, skills)
            problems += _word_problems(loaded, name, mailboxes[0], given)
    return problems


def _skills_of(mailboxes: Sequence[Mailbox], skills: Sequence[str]) -> list[str]:
    """What mail to these mailboxes can get."""
    if not all(mailbox.skills for mailbox in mailboxes):
        return list(skills)
    named = {skill for mailbox in mailboxes for skill in mailbox.skills}
    return [skill for skill in skills if skill in named or skill == GENERAL]


def _word_problems(
    loaded: Loaded, name: str, mailbox: Mailbox, skills: Sequence[str]
) -> Iterator[Problem]:
    section: KeyPath = ("profiles", name)
    has_section = any(setting.path[:2] == section for setting in loaded.settings)
    for doubt in check_profile(loaded.config.profiles[name], skills):
        path: KeyPath = (*section, "map", doubt.entry, *((doubt.key,) if doubt.key else ()))
        if not has_section:
            path = (*mailbox.path, "profile")
        hint = doubt.hint and f"{doubt.hint} under [profiles.{name}.map.{doubt.entry}]"
        yield loaded.problem(path, doubt.what, hint)


def _route_problems(loaded: Loaded, mailbox: Mailbox, skills: Sequence[str]) -> Iterator[Problem]:
    path = (*mailbox.path, "routes")
    for key in mailbox.routes:
        fault = unknown_route(key, skills)
        if fault:
            yield loaded.problem((*path, key), *fault)
    if mailbox.route != "header" and not mailbox.routes:
        what = "there are no routes"
        yield loaded.problem((*mailbox.path, "route"), what, "name them under [….routes]")
    if mailbox.route == "header" and mailbox.routes:
        what = "nobody sends mail there"
        yield loaded.problem(path, what, 'write route = "recipient"', warning=True)
    if mailbox.route == "recipient" and loaded.config.smtp.listen is not None:
        what = "mail that comes by [smtp] keeps its recipient, which has been answered for by then"
        yield loaded.problem((*mailbox.path, "route"), what, warning=True)
    if mailbox.route == "postfix":
        yield from _redirect_problems(loaded, mailbox)


def _redirect_problems(loaded: Loaded, mailbox: Mailbox) -> Iterator[Problem]:
    """Postfix's REDIRECT knows neither mailbox nor recipient."""
    path = (*mailbox.path, "route")
    if mailbox.planned_ack != "off":
        yield loaded.problem(
            path,
            "REDIRECT takes the hidden recipient away, too: the desk would never hear of the mail",
            'write route = "recipient", or ack = "off"',
        )
    others = (one for one in loaded.config.mailboxes.mailboxes if one.route == "postfix")
    if any(one.routes != mailbox.routes for one in others):
        what = "REDIRECT cannot tell mailboxes apart, and another one has other routes"
        yield loaded.problem(path, what, 'write route = "recipient"')
