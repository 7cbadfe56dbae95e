"""The update or the survey that could follow an acknowledgement, for `mailtriage ack`."""

from dataclasses import replace
from typing import Final, Literal

from mailtriage.acks.calendar import add_open_time
from mailtriage.acks.compose import ComposeError
from mailtriage.acks.follow_up import Composer, News
from mailtriage.acks.follow_up_texts import FollowUpTexts
from mailtriage.acks.order import Order
from mailtriage.acks.preview import Preview
from mailtriage.acks.promise import StaticTargets, config_calendar
from mailtriage.acks.tokens import Tokens
from mailtriage.config.follow_ups import ReturnsConfig
from mailtriage.config.sections import Config
from mailtriage.desk.follow_up import Circumstances, as_utc, new_time
from mailtriage.insight.backlog import WorkingTime
from mailtriage.insight.promises import Knowledge
from mailtriage.state.follow_ups import Standing

NO_DOMAIN: Final = "return-addresses.example"
"""Stands for the domain of return addresses where none is named yet."""


def preview_follow_up(
    kind: Literal["update", "survey"],
    order: Order,
    config: Config,
    texts: FollowUpTexts,
    tokens: Tokens,
) -> Preview:
    """As it would go out with the written targets, were nobody to answer, or somebody at once.

    Raises ComposeError.
    """
    follow_ups = config.follow_ups
    if not follow_ups.returns.domain:
        follow_ups = replace(follow_ups, returns=ReturnsConfig(NO_DOMAIN))
        config = replace(config, follow_ups=follow_ups)
    composer = Composer(config, texts, tokens)
    if kind == "survey":
        made = composer.survey(order, "", order.received + follow_ups.surveys.after)
        return Preview(order, made.message, None)
    if not order.by:
        raise ComposeError("no time is promised, so that none can slip")
    mailbox = next(one for one in config.mailboxes.mailboxes if one.address == order.mailbox)
    work = WorkingTime(config_calendar(config, mailbox))
    window = work.between(order.received, order.by)
    over = add_open_time(work.calendar, as_utc(order.received), follow_ups.updates.share * window)
    now = over.timestamp() if over is not None else order.by
    given = Circumstances(
        frozenset({"updates"}), work, Knowledge(), StaticTargets(config.targets), follow_ups
    )
    by = new_time(_standing(order), given, now)
    if not by:
        raise ComposeError("there is no later time that could be promised")
    made = composer.update(order, News(order.by, by), "", now)
    return Preview(order, made.message, None)


def _standing(order: Order) -> Standing:
    """Nothing has happened since the acknowledgement."""
    return Standing(
        conversation=0,
        order=order,
        wants=frozenset({"updates"}),
        told=order.by,
        since=order.received,
        updates=0,
        expires=order.by,
        promised=order.by,
        answered=0.0,
        last_activity=order.received,
        last_in=order.received,
        waits_since=order.received,
        ticket="",
        skills=frozenset(),
        shared_id=b"",
        acknowledged=order.received,
        ack_owed=False,
    )
