"""From configuration files to an Analyst: read, checked and compiled, or refused as a whole."""

import dataclasses
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mailtriage.acks.calendar import calendar_problems
from mailtriage.acks.follow_up_texts import load_follow_up_texts
from mailtriage.acks.recipients import role_of
from mailtriage.acks.templates import TextError, Texts, load_texts
from mailtriage.acks.tokens import Tokens
from mailtriage.classifier.model import Classifier
from mailtriage.classifier.store import ModelError, load_model
from mailtriage.config import Config, ConfigError, Loaded, load
from mailtriage.doors.analysis import Analyst
from mailtriage.doors.tried import make_trial, without_signals
from mailtriage.knowledge.answer_index import AnswerIndex, open_answers
from mailtriage.knowledge.model import KnowledgeError
from mailtriage.knowledge.search import KnowledgeIndex, open_index
from mailtriage.mail.model import Envelope
from mailtriage.mail.read import read_mail
from mailtriage.policies.denial import shipped_denials
from mailtriage.policies.load import ACKS, PolicyError, load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import FACETS, GENERAL, Policies
from mailtriage.service.profile_problems import profile_problems
from mailtriage.service.state_checks import state_problems
from mailtriage.shipped import shipped_directory
from mailtriage.state.customers import CustomerFileError, read_customers
from mailtriage.state.ledger import NO_LEDGER, Ledger
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.tags.lint import lint
from mailtriage.tags.vocabulary import PREFIX
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import Problem, did_you_mean
from mailtriage.triage.customer import CustomerList, FixedCustomers
from mailtriage.triage.date_words import shipped_words
from mailtriage.triage.language import load_detector


class LoadError(Exception):
    """A configuration, policies or customer list that must not be used, with every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in sorted(problems)))
        self.problems = tuple(sorted(problems))


@dataclass(frozen=True, slots=True)
class Everything:
    """All that was read, and the warnings on the way."""

    loaded: Loaded
    policies: Policies
    customers: CustomerList
    texts: Texts
    problems: tuple[Problem, ...]
    model: Classifier | None = None
    """The trained model; None where it is switched off."""
    knowledge: KnowledgeIndex | None = None
    """The knowledge base; None where none was built."""
    answers: AnswerIndex | None = None
    """The answer templates; None where there are none."""

    @property
    def config(self) -> Config:
        """The effective configuration."""
        return self.loaded.config

    def analyst(self, tokens: Tokens | None = None, ledger: Ledger = NO_LEDGER) -> Analyst:
        """Compile the policies and load the language model.

        Without `tokens` what is signed and hashed is so with a secret of this run alone.
        """
        load_detector()
        shipped_words()
        shipped_denials()
        policies, model, trial = self.policies, self.model, None
        limit, only_tried = self.config.policies.time_limit, self.config.dry_run.policies
        if only_tried:
            trial = make_trial(policies, model, only_tried, time_limit=limit)
            policies = without_signals(policies, only_tried)
            model = model.without("skill", only_tried) if model else None
        matcher = Matcher(policies, time_limit=limit)
        tokens = tokens or Tokens(secrets.token_bytes(32))
        analyst = Analyst(
            self.config,
            matcher,
            self.customers,
            tokens,
            ledger,
            self.texts,
            model,
            trial,
            self.knowledge,
            self.answers,
        )
        _warm_up(analyst)
        return analyst


def _warm_up(analyst: Analyst) -> None:
    """Send one mail through: what is loaded or built on first use is then shared by the forks."""
    server = next(iter(analyst.config.authentication.trusted_authserv_ids), "mx.example")
    mailboxes = [mailbox.address for mailbox in analyst.config.mailboxes.mailboxes[:1]]
    headers = [
        ("Authentication-Results", f"{server}; spf=pass smtp.mailfrom=example.com".encode()),
        ("From", b"a@example.com"),
        ("To", ", ".join(mailboxes).encode()),
        ("Message-ID", b"<a@example.com>"),
        ("Content-Type", b"text/html; charset=utf-8"),
    ]
    envelope = Envelope("a@example.com", tuple(mailboxes))
    body = b"<html><body><p>Where is my invoice for the order of last week?</p></body></html>"
    # Neither a server is asked for a customer, nor a file opened that a fork must not share.
    quiet = dataclasses.replace(analyst, customers=FixedCustomers({}), ledger=NO_LEDGER)
    quiet.analyse(
        partial(read_mail, headers, body, envelope=envelope), [name for name, _ in headers]
    )


def read_everything(files: Sequence[Path] | None) -> Everything:
    """Read configuration, policies and customers; None stands for the files in /etc/mailtriage.

    Raises LoadError with the problems of all of them.
    """
    try:
        loaded = load(files)
    except ConfigError as error:
        raise LoadError([*error.problems, *_problems_elsewhere(error.understood)]) from None
    config = loaded.config
    problems = [
        *loaded.problems,
        *_calendar_problems(loaded),
        *_roles(loaded),
        *state_problems(loaded),
    ]
    policies = Policies()
    customers: CustomerList = read_customers(())
    texts: Texts | None = None
    acks = shipped_directory("policies") / ACKS
    try:
        texts = load_texts(acks, config.ack.templates, only_own=True)
        problems += texts.warnings
        problems += _unspoken_languages(loaded, texts)
    except TextError as error:
        problems += error.problems
    try:
        if config.ack.templates is not None:
            problems += load_follow_up_texts(acks, config.ack.templates, only_own=True).warnings
    except TextError as error:
        # They are in the same files: what is no TOML, both have found.
        problems += [problem for problem in error.problems if problem not in problems]
    model: Classifier | None = None
    problems += _hidden_model(loaded)
    try:
        model = read_model(config)
    except (ModelError, OSError) as error:
        problems.append(loaded.problem(("model", "file"), str(error)))
    try:
        policies, warnings = load_policies(
            policy_directories(config), disable=config.policies.disable
        )
        problems += warnings
        problems += _unknown_names(loaded, policies, model.labels("skill") if model else ())
        problems += _unsendable_ids(policies)
    except PolicyError as error:
        problems += error.problems
    try:
        customers = read_customers(config.customers.files)
    except CustomerFileError as error:
        problems += error.problems
    if texts is None or any(not problem.warning for problem in problems):
        raise LoadError(problems)
    if config.customers.redis:
        # 18 MB of library, for those who use it.
        from mailtriage.state.redis_customers import RedisCustomers

        customers = RedisCustomers(
            config.customers.redis,
            config.customers.redis_key,
            config.customers.timeout,
            customers,
        )
    knowledge, damage = _knowledge(loaded)
    answers, more_damage = _answers(loaded)
    problems += (*damage, *more_damage)
    shown = tuple(sorted(problems))
    return Everything(loaded, policies, customers, texts, shown, model, knowledge, answers)


def _knowledge(loaded: Loaded) -> tuple[KnowledgeIndex | None, list[Problem]]:
    """The knowledge base. One that cannot be used is a warning: mail goes on without it."""
    file = loaded.config.kb.index
    try:
        if not file.exists():
            return None, []
        return open_index(file), []
    except (KnowledgeError, OSError) as error:
        return None, [loaded.problem(("kb", "index"), str(error), warning=True)]


def _answers(loaded: Loaded) -> tuple[AnswerIndex | None, list[Problem]]:
    """The answer templates. An index that cannot be used, or is not there yet, is a warning."""
    settings = loaded.config.answers
    if settings.folder is None:
        return None, []
    try:
        return open_answers(settings.index), []
    except (KnowledgeError, OSError) as error:
        return None, [loaded.problem(("answers", "index"), str(error), warning=True)]


def _calendar_problems(loaded: Loaded) -> list[Problem]:
    """Calendars that cannot be meant, and mailboxes that name one which is not there, or none."""
    config = loaded.config
    problems = [loaded.problem(path, what, hint) for path, what, hint in calendar_problems(config)]
    if len(config.calendars) > 1:
        for mailbox in config.mailboxes.mailboxes:
            if not mailbox.calendar and mailbox.planned_ack in {"send", "deferred"}:
                path = (*mailbox.path, "calendar")
                what = "names none of several calendars: Monday to Friday, 9 to 17 UTC is used"
                hint = f"one of {', '.join(config.calendars)}"
                problems.append(loaded.problem(path, what, hint, warning=True))
    return problems


def _roles(loaded: Loaded) -> list[Problem]:
    """Addresses whose mail would be acknowledged but for their local part, such as postmaster."""
    problems = []
    for mailbox in loaded.config.mailboxes.mailboxes:
        if mailbox.planned_ack == "off":
            continue
        aliases = [((*mailbox.path, "aliases", n), one) for n, one in enumerate(mailbox.aliases)]
        for path, address in ((mailbox.path, mailbox.address), *aliases):
            role = role_of(address, mailbox)
            if role:
                what = f"mail to {address} is never acknowledged (rule E7): robots write there too"
                hint = 'write ack = "off"' if path == mailbox.path else "give it a section"
                if role == "privacy":
                    hint = "unless the mailbox has a name"
                problems.append(loaded.problem(path, what, hint, warning=True))
    return problems


def _unspoken_languages(loaded: Loaded, texts: Texts) -> list[Problem]:
    """Fallback languages that have no text: nobody could be answered in them."""
    known = sorted(texts.by_language)
    languages = loaded.config.ack.fallback_languages
    return [
        loaded.problem(
            ("ack", "fallback_languages", languages.index(language)),
            f"there is no text for '{language}'",
            did_you_mean(language, known) or f"there are {', '.join(known)}",
        )
        for language in texts.missing(languages)
    ]


def _problems_elsewhere(config: Config) -> list[Problem]:
    """What is wrong in the files that a faulty configuration names.

    So that all mistakes show at once; files that are missing or closed it has reported itself.
    """
    problems: list[Problem] = []
    readable = [
        file
        for file in config.customers.files
        if os.access(file, os.R_OK, effective_ids=True) and file.is_file()
    ]
    if config.policies.directories:
        try:
            load_policies(policy_directories(config), disable=config.policies.disable)
        except PolicyError as error:
            problems += error.problems
    try:
        read_customers(readable)
    except CustomerFileError as error:
        problems += error.problems
    return problems


def _hidden_model(loaded: Loaded) -> list[Problem]:
    file = loaded.config.model.file
    try:
        file.exists()
    except PermissionError:
        what = f"{file} cannot be looked at: permission denied"
        hint = "run it as the user of the service; the shipped model is used meanwhile"
        return [loaded.problem(("model", "file"), what, hint, warning=True)]
    return []


def read_model(config: Config) -> Classifier | None:
    """The organisation's own model, else the shipped one; None where models are switched off.

    The shipped one goes with the shipped policies. Skills that are switched off it does not give.
    Raises ModelError, and OSError for a file that cannot be read.
    """
    if not config.model.enabled or not (has_own_model(config) or config.policies.shipped):
        return None
    return load_model(model_file(config)).without("skill", config.policies.disable)


def model_file(config: Config) -> Path:
    """Where the model in use lies."""
    if has_own_model(config):
        return config.model.file
    return shipped_directory("policies") / "model" / "shipped.npz"


def has_own_model(config: Config) -> bool:
    """Whether `mailtriage train` has installed one. Who may not look (the directory is the
    service's own) is told that there is none: `read_everything` warns of that."""
    try:
        return config.model.file.exists()
    except PermissionError:
        return False


def policy_directories(config: Config) -> list[Path]:
    """The shipped policies, if wanted, then the administrator's own."""
    shipped = [shipped_directory("policies")] if config.policies.shipped else []
    return [*shipped, *config.policies.directories]


def _unsendable_ids(policies: Policies) -> list[Problem]:
    """Signal ids that must not stand in a header: X-Mailtriage-Why carries them."""
    problems = []
    for policy in policies.all():
        for number, signal in enumerate(policy.signals):
            for fault in lint(f"{PREFIX}-Why", signal.id):
                path = f"signal[{number}].id"
                problems.append(Problem(policy.file, signal.line, path, f"'{signal.id}': {fault}"))
    return problems


def _unknown_names(loaded: Loaded, policies: Policies, learned: Sequence[str]) -> list[Problem]:
    """Skills and profiles that are named, and nobody knows; and words that a profile lacks."""
    problems = []
    skills = [policy.name for policy in policies.skills]
    skills += [skill for skill in learned if skill not in (*skills, GENERAL)]
    for mailbox in loaded.config.mailboxes.mailboxes:
        for number, skill in enumerate(mailbox.skills):
            problems += _unknown_skill(loaded, (*mailbox.path, "skills", number), skill, skills)
    problems += _unknown_trials(loaded, [*skills, *FACETS])
    problems += profile_problems(loaded, [*skills, GENERAL])
    for skill in loaded.config.targets.skills:
        problems += _unknown_skill(loaded, ("targets", "skills", skill), skill, skills)
    return problems


def _unknown_trials(loaded: Loaded, known: Sequence[str]) -> list[Problem]:
    """Policies that are to be tried, and are not there."""
    return [
        loaded.problem(
            ("dry_run", "policies", number),
            f"there is no policy '{name}'",
            did_you_mean(name, known),
        )
        for number, name in enumerate(loaded.config.dry_run.policies)
        if name not in known
    ]


def _unknown_skill(
    loaded: Loaded, path: KeyPath, skill: str, skills: Sequence[str]
) -> list[Problem]:
    if skill in (*skills, GENERAL):
        return []
    what = f"there is no policy for the skill '{skill}'"
    return [loaded.problem(path, what, did_you_mean(skill, skills))]


def stored_tokens(config: Config) -> Tokens:
    """What is signed with the installation's secret, for a command that is allowed to read it.

    Anybody else gets signatures that nobody believes, the same each time, and will not see which
    mails answer our acknowledgements.
    """
    try:
        return Tokens(read_secret(config.state.secret))
    except SecretError:
        return Tokens(b"not the secret of any installation")
