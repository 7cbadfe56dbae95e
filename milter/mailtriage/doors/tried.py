"""What a mail would get if nothing were only tried ([dry_run]), and what exempts it ([exempt])."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mailtriage.acks.plan import Plan, plan_again
from mailtriage.classifier.model import Classifier
from mailtriage.config.mailboxes import Mailbox
from mailtriage.config.sections import Config
from mailtriage.config.trial import ACTIONS, Exemption
from mailtriage.mail.model import Mail
from mailtriage.policies.matcher import Matcher
from mailtriage.policies.model import Policies
from mailtriage.tags.model import Rerouting, Status
from mailtriage.tags.vocabulary import fields
from mailtriage.triage.judge import triage
from mailtriage.triage.model import Tier, Triage


@dataclass(frozen=True, slots=True)
class Trial:
    """All policies, with those that are only tried; and the model with the skills of those."""

    matcher: Matcher
    model: Classifier | None
    names: tuple[str, ...]
    """Of the policies that are only tried."""
    signals: Mapping[str, str]
    """Their signals: id to name of the policy."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was only tried of one mail."""

    actions: tuple[str, ...]
    """Of `trial.ACTIONS`."""
    triage: Triage
    """With all policies."""
    plan: Plan | None = None
    """Whether it would be acknowledged; None when nobody got that far."""
    reroute: tuple[Rerouting, ...] = ()
    policies: tuple[str, ...] = ()
    """Those that are only tried and by which its tags would be others."""


def tries(mailbox: Mailbox | None, config: Config) -> tuple[str, ...]:
    """What is only tried of the mail of a mailbox, or of mail for nobody in particular."""
    return config.dry_run.actions if mailbox is None else mailbox.tries


def is_untouched(tried: Collection[str]) -> bool:
    """Whether everything is only tried: then the desk does not hear of a mail, either."""
    return len(tried) == len(ACTIONS)


def exemption(mail: Mail, config: Config) -> Exemption:
    """What exempts an inbound mail; empty: nothing does."""
    senders = (mail.envelope.sender, mail.from_address)
    return config.exempt.why(mail.client.address, senders, mail.envelope.recipients)


def make_trial(
    policies: Policies,
    model: Classifier | None,
    names: Collection[str],
    *,
    time_limit: float,
) -> Trial | None:
    """The trial of the policies of these names; None without any."""
    if not names:
        return None
    signals = {
        signal.id: policy.name
        for policy in policies.all()
        if policy.name in names
        for signal in policy.signals
    }
    return Trial(Matcher(policies, time_limit=time_limit), model, tuple(names), signals)


def without_signals(policies: Policies, names: Collection[str]) -> Policies:
    """The policies as they count while those of these names are only tried.

    Thresholds and levels stay: of a facet they are needed even if no signal speaks.
    """
    return Policies(
        tuple(replace(one, signals=()) if one.name in names else one for one in policies.skills),
        {
            name: replace(one, signals=()) if name in names else one
            for name, one in policies.facets.items()
        },
    )


def judge_again(
    trial: Trial, mail: Mail, judged: Triage, mailbox: Mailbox | None, *, quote: bool
) -> Triage:
    """What all policies say about a mail, those included that are only tried."""
    return triage(
        mail,
        trial.matcher,
        _Known(judged.tier),
        skills=mailbox.skills if mailbox else (),
        direction=judged.direction,
        quote=quote,
        model=trial.model,
    )


class _Known:
    """The customer whose tier is known already: no server is asked twice."""

    def __init__(self, tier: Tier) -> None:
        self._tier: Final = tier

    def tier(self, keys: tuple[str, ...]) -> tuple[Tier, str]:
        """See `CustomerList`."""
        return self._tier, keys[0] if keys else ""


def would(
    plan: Plan, judged: Triage, triage: Triage, tried: Collection[str], trial: Trial | None
) -> Tried:
    """What would be, of an inbound mail that has `plan`. `triage`: with all policies; `judged`:
    with those that count."""
    again = triage is not judged or "acknowledge" in tried
    return Tried(
        actions=tuple(tried),
        triage=triage,
        plan=plan_again(plan, triage) if again else plan,
        policies=_by(trial, judged, triage) if trial else (),
    )


def _by(trial: Trial, judged: Triage, triage: Triage) -> tuple[str, ...]:
    if _tags(judged) == _tags(triage):
        return ()
    spoke = {trial.signals.get(entry.id, "") for entry in triage.why} | {triage.skill}
    return tuple(name for name in trial.names if name in spoke) or trial.names


def _tags(triage: Triage) -> tuple[tuple[str, str], ...]:
    """All that a filter could go by: not the reasons."""
    return fields(replace(triage, why=()), Status.OK)
