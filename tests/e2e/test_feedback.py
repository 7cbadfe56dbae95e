"""Corrections by mail, through a real Postfix: an agent forwards a customer's mail as it arrived."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

import pytest

from mailtriage.acks.returns import Return, return_address
from mailtriage.state.feedback import Correction, feedback_file, open_feedback
from tests.support.background import logs_of_a_failure
from tests.support.serve import wait_for
from tests.support.site import Site, running_site, why_not

pytestmark = pytest.mark.e2e

DOMAIN: Final = "triage.desk.example"
TOML: Final = f'[return_addresses]\ndomain = "{DOMAIN}"\n'
AGENT: Final = "ann@desk.example"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file."""
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=TOML) as running:
        wait_for(running.state.exists, "the database")
        yield running


@pytest.fixture(autouse=True)
def log_of_failures(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    with logs_of_a_failure(request, site.postfix, site.service):
        yield


def address(site: Site, facet: str, value: str) -> str:
    return return_address(site.tokens, DOMAIN, Return("correction", facet=facet, value=value))


def delivered(site: Site) -> tuple[str, bytes]:
    """Message-ID and bytes of a new customer's mail, as the helpdesk got it."""
    customer = site.customer()
    site.write(customer)
    (mail,) = site.arrived(customer.message_id)
    return customer.message_id, mail.content


def forwarded(to: str, attached: bytes, number: int) -> bytes:
    return (
        f"From: Ann <{AGENT}>\r\nTo: {to}\r\nSubject: Fwd\r\n"
        f"Message-ID: <forward{number}@desk.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nSee below.\r\n'
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    ).encode() + attached + b"\r\n--b--\r\n"  # fmt: skip


def kept(site: Site, message_id: str) -> list[Correction]:
    feedback = open_feedback(feedback_file(site.state))
    if feedback is None:
        return []
    message = site.tokens.pseudonym("message-id", message_id)
    with feedback:
        return [one for one in feedback.corrections() if one.message == message]


def wait_for_correction(site: Site, message_id: str) -> Correction:
    wait_for(lambda: bool(kept(site, message_id)), "the correction")
    (found,) = kept(site, message_id)
    return found


def refused(site: Site) -> int:
    lines = site.service.log().splitlines()
    return sum(" kind=correction " in line and " result=refused" in line for line in lines)


def test_what_an_agent_forwards_is_corrected(site: Site) -> None:
    message_id, mail = delivered(site)
    to = address(site, "skill", "billing")
    before = len(site.acks())
    site.agent_writes(forwarded(to, mail, 1), to, sender=AGENT)
    found = wait_for_correction(site, message_id)
    assert (found.facet, found.value, found.source) == ("skill", "billing", "mail")
    assert found.said == "delivery"
    assert abs(found.at - time.time()) < 120
    assert not site.acks_to(AGENT)
    assert len(site.acks()) <= before + 1  # that of the customer's mail


def test_what_an_agent_redirects_is_corrected(site: Site) -> None:
    message_id, mail = delivered(site)
    to = address(site, "priority", "urgent")
    header = f"Resent-From: {AGENT}\r\nResent-To: {to}\r\n".encode()
    site.agent_writes(header + mail, to, sender=AGENT)
    found = wait_for_correction(site, message_id)
    assert (found.facet, found.value) == ("priority", "urgent")
    assert found.said in ("normal", "high", "low")


def test_what_a_stranger_sends_there_changes_nothing(site: Site) -> None:
    message_id, mail = delivered(site)
    to = address(site, "skill", "billing")
    before = refused(site)
    reply = site.send(forwarded(to, mail, 2), sender="eve@elsewhere.example", to=to)
    assert reply.code == 250
    wait_for(lambda: refused(site) > before, "the refusal")
    assert kept(site, message_id) == []


def test_a_mail_waits_while_the_file_cannot_be_written_and_then_counts(site: Site) -> None:
    message_id, mail = delivered(site)
    file = feedback_file(site.state)
    for end in ("", "-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    file.mkdir()
    to = address(site, "skill", "billing")
    site.agent_writes(forwarded(to, mail, 3), to, sender=AGENT)
    site.logged("desk-failed")
    file.rmdir()

    def comes_again() -> bool:
        site.run("postqueue", "-f")
        return bool(kept(site, message_id))

    wait_for(comes_again, "the correction, brought again")
    assert site.outbox().get("DEAD", 0) == 0


def test_the_command_corrects_the_same_mail_and_the_last_word_counts(site: Site) -> None:
    message_id, mail = delivered(site)
    to = address(site, "skill", "billing")
    site.agent_writes(forwarded(to, mail, 4), to, sender=AGENT)
    wait_for_correction(site, message_id)
    time.sleep(1.1)  # Received: has no fractions of a second
    config = site.service.config
    done = subprocess.run(
        [sys.executable, "-m", "mailtriage", "--config", config, "feedback", "--skill", "returns", "-"],
        input=mail,
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = wait_for_correction(site, message_id)
    assert (found.value, found.source, found.said) == ("returns", "command", "delivery")
