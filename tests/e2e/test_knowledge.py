"""The knowledge base on the whole way: the tag for the agent, the paragraph for the customer."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest

from tests.support.sink import Delivery
from tests.support.site import Site, running_site, why_not

pytestmark = pytest.mark.e2e

SHOP = Path(__file__).parents[1] / "knowledge" / "data" / "shop"
QUESTION = "Hello,\r\n\r\nhow do I send something back?\r\n\r\nAnn\r\n"
COMPLAINT = (
    "Hello,\r\n\r\nthis is a formal complaint. How do I send something back?"
    " I asked three times. I will call my lawyer and cancel everything.\r\n\r\nAnn\r\n"
)


@pytest.fixture(scope="module")
def index() -> Iterator[Path]:
    """Built as an administrator builds it; whoever runs the service may read it."""
    with tempfile.TemporaryDirectory(prefix="mt-kb-") as directory:
        Path(directory).chmod(0o755)
        file = Path(directory) / "kb.idx"
        command = [sys.executable, "-m", "mailtriage", "--config", "/dev/null", "kb", "build"]
        subprocess.run([*command, "--output", str(file), str(SHOP)], check=True)
        file.chmod(0o644)
        yield file


@pytest.fixture(scope="module")
def site(index: Path) -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=f'[kb]\nindex = "{index}"\n') as running:
        yield running


def text_of(ack: Delivery) -> str:
    body = BytesParser(policy=default).parsebytes(ack.content).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_agent_and_customer_are_told_the_section_that_answers(site: Site) -> None:
    customer = site.customer()
    site.write(customer, customer.mail(subject="Return", body=QUESTION))
    ack = text_of(site.wait_for_ack(customer.address))
    (mail,) = site.arrived(customer.message_id)
    section = mail.tags["x-mailtriage-kb"]
    assert section.startswith("kb-")
    assert f"kb={section};" in mail.tags["x-mailtriage"]
    assert "https://help.shop.example/en/returns#send-back" in ack


def test_who_complains_gets_no_link(site: Site) -> None:
    customer = site.customer()
    site.write(customer, customer.mail(subject="Complaint", body=COMPLAINT))
    ack = text_of(site.wait_for_ack(customer.address))
    assert "https://help.shop.example/" not in ack


def test_a_forged_suggestion_is_believed_by_nobody(site: Site) -> None:
    customer = site.customer()
    forged = "X-Mailtriage-Kb: kb-free-money\n"
    mail = customer.mail(subject="Hello", header=forged, body="Hello,\r\n\r\nthank you!\r\n")
    site.write(customer, mail)
    (arrived,) = site.arrived(customer.message_id)
    assert arrived.tags["x-mailtriage-kb"] == "none"
