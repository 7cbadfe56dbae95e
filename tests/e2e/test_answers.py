"""Templates and the look at answers on the whole way, with a real Postfix."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest

from mailtriage.state.answers import HumanAnswer, human_answers
from mailtriage.state.history import HistoryError, open_history
from mailtriage.state.history_schema import history_file
from mailtriage.state.sqlite import open_database
from tests.support.customers import HELP
from tests.support.postfix import Overrides
from tests.support.serve import wait_for
from tests.support.sink import Delivery
from tests.support.site import HELPDESK, Site, running_site, why_not

pytestmark = pytest.mark.e2e

TEMPLATES = Path(__file__).parents[1] / "knowledge" / "data" / "answers"
WITHOUT: Mapping[str, Overrides] = {"plain": {"smtpd_milters": ""}}
QUESTION = "Hello,\r\n\r\nI want to return my order. Where do I get a return label?\r\n\r\nKim\r\n"
HTML = (
    "<html><body><p>Hello Kim,</p><p>thank you for your message. You can send back your order"
    " 4711 within 30 days. Please print the return label from your account, put it on the parcel and"
    " hand the parcel in at any post office. The return costs you nothing. We refund the full price"
    ' as soon as the parcel has arrived. <a href="https://help.shop.example/gone?who=kim">More</a>'
    "</p><p>Kind regards<br>Zaphod</p></body></html>"
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="mt-answers-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        answers = f'[answers]\nfolder = "{TEMPLATES}"\nindex = "{directory}/answers.idx"\n'
        config = directory / "build.toml"
        config.write_text(answers)
        command = [sys.executable, "-m", "mailtriage", "--config", str(config), "kb", "build"]
        subprocess.run(command, check=True)
        kb = f'[kb]\nhosts = ["help.shop.example"]\nindex = "{directory}/kb.idx"\n'
        page = directory / "returns.md"
        page.write_text("# Returns\n\nSend it back within thirty days.\n")
        build = [*command, "--output", f"{directory}/kb.idx"]
        subprocess.run([*build, f"{page}=https://help.shop.example/returns"], check=True)
        with running_site(toml=f"{answers}{kb}", services=WITHOUT) as running:
            yield running


def answer_to(delivery: Delivery, name: str, body: str, kind: str = "html") -> bytes:
    """What a helpdesk makes of an agent's answer."""
    mail = BytesParser(policy=default).parsebytes(delivery.content)
    return (
        f"From: Desk Support <{HELP}>\r\nTo: {mail['From']}\r\nSubject: Re: {mail['Subject']}\r\n"
        f"Message-ID: <{name}@desk.example>\r\nIn-Reply-To: {mail['Message-ID']}\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n\r\n{body}\r\n"
    ).encode()


def below_received(delivery: Delivery) -> bytes:
    """The mail without what this Postfix put on top, and without its signature (DKIM)."""
    lines = delivery.content.split(b"\r\n")
    while lines[0].lower().startswith((b"received:", b"dkim-signature:")):
        del lines[0]
        while lines[0][:1] in (b" ", b"\t"):
            del lines[0]
    return b"\r\n".join(lines)


def seen_answers(site: Site, number: int) -> list[HumanAnswer]:
    """What the weekly page would read, once there is so much of it."""
    found: list[HumanAnswer] = []

    def look() -> bool:
        try:
            with (
                closing(open_database(site.state, read_only=True)) as connection,
                open_history(history_file(site.state)) as history,
            ):
                found[:] = human_answers(connection, history, 0, time.time() + 60)
        except HistoryError:
            return False
        return sum(one.seen is not None for one in found) >= number

    wait_for(look, f"{number} answers in the history", 30)
    return found


def test_from_the_customers_question_to_the_figures_of_the_answer(site: Site) -> None:
    customer = site.customer()
    site.write(customer, customer.mail(subject="Return", body=QUESTION))
    (mail,) = site.arrived(customer.message_id)
    assert mail.tags["x-mailtriage-answer"] == "return-label"
    site.wait_for_ack(customer.address)
    sent = answer_to(mail, "answer1", HTML)
    site.agent_writes(sent, customer.address)
    (answer,) = site.arrived("<answer1@desk.example>")
    assert below_received(answer).rstrip() == sent.rstrip()
    (one,) = seen_answers(site, 1)
    assert one.seen is not None
    assert (one.suggested, one.is_first, one.language) == ("return-label", True, "en")
    assert (one.seen.template, one.seen.version, one.seen.current) == ("return-label", 2, 2)
    assert (one.seen.kept > 0.8, one.seen.greeting, one.seen.closing) == (True, True, True)
    assert one.seen.unknown_links == ("https://help.shop.example/gone",)
    content = b"".join(file.read_bytes() for file in site.state.parent.glob("history.db*"))
    for secret in (b"Zaphod", b"4711", b"who=kim", customer.address.encode(), b"thank you"):
        assert secret not in content


def test_a_forged_suggestion_is_believed_by_nobody(site: Site) -> None:
    customer = site.customer()
    forged = "X-Mailtriage-Answer: free-money\n"
    site.write(customer, customer.mail(header=forged, body="Hello,\r\n\r\nthank you!\r\n"))
    (arrived,) = site.arrived(customer.message_id)
    assert arrived.tags["x-mailtriage-answer"] == "none"


ODD = (
    f"From: Desk Support <{HELP}>\r\nTo: kim@customer.example\r\nSubject: Re: Return\r\n"
    "Message-ID: <odd@desk.example>\r\nIn-Reply-To: <m1@customer.example>\r\n"
    "Date: Mon, 23 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    f"Content-Type: text/html; charset=utf-8\r\n\r\n{HTML}\r\n"
).encode()
HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "8-bit in the header": lambda raw: raw.replace(b"Desk Support", b"D\xe9sk"),
    "NUL in the body": lambda raw: raw.replace(b"Zaphod", b"Za\0phod"),
    "a line of 100 KB": lambda raw: raw + b"x" * 100_000 + b"\r\n",
    "a body of 5 MB": lambda raw: raw + (b"https://help.shop.example/a " * 37 + b"\r\n") * 5000,
    "tags without an end": lambda raw: raw.replace(b"</", b"<") + b"<a href=" * 20_000,
    "no header": lambda raw: raw[raw.index(b"\r\n\r\n") :],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_answer_leaves_as_it_came_whatever_it_looks_like(site: Site, case: str) -> None:
    """By two ports of one Postfix, of which only one has the milter."""
    customer = site.customer()
    raw = HOSTILE[case](ODD)
    for service in ("mx", "plain"):
        reply = site.send(raw, sender=HELP, to=customer.address, client=HELPDESK, service=service)
        assert reply.code == 250
    site.world.wait(lambda _: len(site.world.to(customer.address)) == 2)
    first, second = site.world.to(customer.address)
    assert below_received(first) == below_received(second)
    assert b"X-Mailtriage" not in first.content
