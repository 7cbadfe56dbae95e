"""Metrics of a whole site: what real mail through real Postfix leaves in them."""

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailtriage.desk.breaker import FAILURES
from mailtriage.service import metrics_names as names
from mailtriage.state.outbox import OWED
from tests.support.postfix import free_port
from tests.support.serve import wait_for
from tests.support.site import Customer, Site, running_site, why_not

pytestmark = pytest.mark.e2e

PORT = free_port()
TOML = f"""
[metrics]
listen = "inet:127.0.0.1:{PORT}"
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """For all tests of this file, which run in their order."""
    if reason := why_not():
        pytest.skip(reason)
    with running_site(toml=TOML) as running:
        yield running


def total(name: str, **labels: str) -> float:
    """The sum of the series that have these labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=20) as response:
        text = response.read().decode()
    return sum(
        float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_for_total(name: str, value: float, **labels: str) -> None:
    """Until the workers have told it."""
    wait_for(lambda: total(name, **labels) >= value, f"{name} {labels}: {value}", 30)
    assert total(name, **labels) == value


def test_an_acknowledged_mail_is_seen_at_every_station(site: Site) -> None:
    customer = site.customer()
    site.write(customer)
    site.wait_for_ack(customer.address)
    wait_for_total(names.MESSAGES, 1, direction="inbound", outcome="tagged")
    wait_for_total(names.DECISIONS, 1, result="sent", rule="none")
    wait_for_total(names.DECISION_LANGUAGES, 1, result="sent", language="en")
    wait_for_total(names.ACKS, 1, result="owed", rule="none")
    wait_for_total(names.ACK_LANGUAGES, 1, result="owed", language="en")
    wait_for_total(names.DELIVERIES, 1, result="sent")
    wait_for_total(f"{names.ACK_DELAY}_count", 1)
    assert total(names.ACK_SERVER) == 1
    assert total(names.STATE_OPEN) == 0
    assert total(f"{names.STATE_DURATION}_count", op="ledger") >= 1


def test_a_mail_that_is_not_answered_names_its_rule(site: Site) -> None:
    customer = site.customer()
    site.write(customer, customer.mail(header="Auto-Submitted: auto-replied\n"))
    wait_for_total(names.MESSAGES, 2, direction="inbound")
    assert total(names.DECISIONS, result="skipped") == 1
    assert total(names.DECISIONS, result="skipped", rule="none") == 0


def test_nobody_vouched_for_is_counted_for_the_administrator(site: Site) -> None:
    customer = Customer(9001)
    mail = customer.mail().replace(b"Authentication-Results: mx.desk.example", b"X-Nothing: x")
    site.write(customer, mail)
    wait_for_total(names.NO_RESULTS, 1)
    assert total(names.ACKS, result="skipped", rule="D7") == 1


def test_the_self_test_reaches_neither_desk_nor_helpdesk(site: Site) -> None:
    wait_for_total(names.SELFTEST, 1)
    site.settle()
    assert total(names.ACKS) == 2
    assert "selftest" not in site.postfix.log()
    assert not [one for one in site.world.deliveries if b"selftest" in one.content]


def test_what_waits_in_the_outbox_is_seen(site: Site) -> None:
    site.close_port()
    customers = [site.customer() for _ in range(FAILURES)]  # so many open the circuit
    for customer in customers:
        site.write(customer)
    wait_for(lambda: total(names.ACK_SERVER) == 0, "the mail server to count as down", 30)
    wait_for(lambda: owed() == FAILURES, "the outbox", 40)
    assert sum(total(names.OUTBOX_OLDEST, state=state) for state in OWED) > 0
    site.wire()
    for customer in customers:
        site.wait_for_ack(customer.address)
    wait_for_total(names.DELIVERIES, 1 + FAILURES, result="sent")
    wait_for_total(names.ACK_SERVER, 1)
    wait_for(lambda: owed() == 0, "an empty outbox", 40)
    assert total(names.OUTBOX_OLDEST) == 0


def owed() -> float:
    """Acknowledgements that are not sent yet, as the metrics tell."""
    return sum(total(names.OUTBOX, state=state) for state in OWED)
