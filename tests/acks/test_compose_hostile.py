"""Whatever a stranger or a configuration puts in, nothing comes out that does not belong there."""

import dataclasses
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtriage.acks.compose import ComposeError, KbLink, compose
from mailtriage.acks.lint import MAX_SIZE, faults
from mailtriage.acks.templates import Texts
from mailtriage.config import Config
from tests.support.orders import (
    ALLOWED,
    NOW,
    ORDER,
    TOKENS,
    Make,
    parsed,
)

ANY_TEXT = st.text(max_size=300)
HOSTILE = st.one_of(
    ANY_TEXT,
    st.text(alphabet='\r\n\0 :=?<>@,;"\\\u202eéa.-', max_size=200),
    st.sampled_from(
        ("x\r\nBcc: all@corp.example", "=?utf-8?q?=0d=0aBcc:_x?=", "\ud800", "💥" * 300)
    ),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    subject=HOSTILE,
    message_id=st.one_of(HOSTILE, HOSTILE.map(lambda text: f"<{text}@x.example>")),
    references=st.lists(st.one_of(HOSTILE, HOSTILE.map(lambda text: f"<{text}@x.example>")), max_size=30),
    title=HOSTILE,
    url=HOSTILE.map(lambda text: f"https://{text}"),
    ticket=HOSTILE,
    language=st.sampled_from(("und", "de", "pl", "ja")),
    mailbox=st.sampled_from(("help@desk.example", "hilfe@desk.example")),
)  # fmt: skip
def test_whatever_a_stranger_writes_nothing_is_put_into_the_message(
    make: Make,
    subject: str,
    message_id: str,
    references: list[str],
    title: str,
    url: str,
    ticket: str,
    language: str,
    mailbox: str,
) -> None:
    message = make(
        subject=subject,
        message_id=message_id,
        references=tuple(references),
        kb=KbLink(title, url, title),
        ticket=ticket,
        language=language,
        mailbox=mailbox,
    )
    head = message.partition(b"\r\n\r\n")[0].decode("ascii")
    names = re.findall(r"^([^:\s]+):", head, re.MULTILINE)
    assert set(names) <= ALLOWED
    assert len(set(names)) == len(names)
    assert not parsed(message).defects
    assert len(message) <= MAX_SIZE
    assert max(map(len, message.split(b"\r\n"))) <= 998


@settings(max_examples=200, deadline=None)
@given(to=st.one_of(HOSTILE, HOSTILE.map(lambda text: f"{text}@customer.example")))
def test_whatever_the_address_is_there_is_one_recipient_or_no_message(make: Make, to: str) -> None:
    try:
        message = make(to=to)
    except ComposeError:
        return
    assert faults(message) == ()
    lines = [line for line in message.split(b"\r\n") if line.startswith(b"To: ")]
    assert len(lines) == 1
    assert not re.search(rb"^(?:b?cc|x):", message, re.IGNORECASE | re.MULTILINE)


@settings(max_examples=50, deadline=None)
@given(name=st.text(min_size=1, max_size=80).filter(lambda text: not re.search(r'[\x00-\x1f\x7f-\x9f<>@"\\]', text)))  # fmt: skip
def test_any_display_name_that_the_configuration_allows(
    texts: Texts, config: Config, name: str
) -> None:
    mailbox = dataclasses.replace(config.mailboxes.mailboxes[0], name=name)
    mailboxes = dataclasses.replace(config.mailboxes, mailboxes=(mailbox,))
    other = dataclasses.replace(config, mailboxes=mailboxes)
    message = parsed(compose(ORDER, other, texts, TOKENS, NOW))
    assert message["From"].addresses[0].addr_spec == "help@desk.example"
    assert len(message["From"].addresses) == 1
