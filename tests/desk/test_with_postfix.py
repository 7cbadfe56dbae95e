"""The desk's two ends at a real Postfix: what comes over LMTP, and what is handed in again."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from mailtriage.state.sqlite import open_database
from tests.support.postfix import why_not
from tests.support.serve import wait_for
from tests.support.site import Site, customer_mail, running_site

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "Postfix is here"),
]

SLOW = "postconf -e minimal_backoff_time=1h maximal_backoff_time=1h queue_run_delay=1h"
"""Postfix's own next attempt is far off: whatever comes, comes because it was asked for."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One site for all of these tests."""
    with running_site(main=SLOW) as site:
        yield site


def send(site: Site) -> str:
    """A mail of a new customer, whom this returns."""
    number = next(site.numbers)
    customer = f"kim{number}@customer{number}.example"
    assert site.send(customer_mail(number), sender=customer).code == 250
    return customer


def deferrals(site: Site) -> int:
    return site.postfix.log().count("status=deferred")


def test_an_acknowledgement_has_the_null_sender_and_leads_to_no_bounce(site: Site) -> None:
    ack = site.wait_for_ack(send(site))
    assert ack.sender == ""
    assert "NOTIFY=NEVER" in ack.parameters
    wait_for(lambda: 'event=desk-flush answer="250 ' in site.service.log(), "ETRN")


def test_what_came_while_the_desk_could_not_write_is_fetched_when_it_can(site: Site) -> None:
    before = deferrals(site)
    with closing(open_database(site.directory / "state" / "state.db")) as other:
        other.execute("BEGIN IMMEDIATE")  # the desk can write nothing now, and says 451
        customers = [send(site) for _ in range(3)]
        wait_for(lambda: deferrals(site) >= before + 3, "three deferrals")
        other.execute("ROLLBACK")
    for customer in customers:
        site.wait_for_ack(customer)
        assert len(site.acks_to(customer)) == 1


def test_what_came_while_nothing_ran_is_fetched_at_the_start(site: Site) -> None:
    before = deferrals(site)
    site.service.stop()
    # Without a milter it is the sweeper that has the copy.
    customer = send(site)
    wait_for(lambda: deferrals(site) > before, "the deferral")
    site.service.start()
    site.wait_for_ack(customer)
