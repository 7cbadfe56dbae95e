"""What comes to return addresses and is no vote and no bounce; and mail for everybody else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.acks.returns import Return, return_address
from mailtriage.config import load
from mailtriage.desk.copy import Copy
from mailtriage.desk.returns import CorrectionError, ReturnDesk
from mailtriage.service.metrics_declared import RETURNS
from tests.support.returned import (
    DOMAIN,
    KIM,
    NOW,
    TOKENS,
    TOML,
    Desk,
    Others,
    copy_of,
    running_desk,
)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Kim was asked yesterday."""
    with running_desk(tmp_path) as desk:
        desk.ask()
        yield desk


def opted_out(desk: Desk) -> set[bytes]:
    found = desk.connection.execute("SELECT address FROM opt_out WHERE purpose = 'survey'")
    return {who for (who,) in found}


def pseudonyms(*addresses: str) -> set[bytes]:
    return {TOKENS.pseudonym("address", address) for address in addresses}


@pytest.mark.parametrize(
    "copy",
    [
        copy_of("opt-out"),
        copy_of("opt-out", sender="assistant@other.example", results=""),
        copy_of("opt-out", header="Auto-Submitted: auto-generated\r\n"),
        copy_of("opt-out", sender=""),
    ],
)
def test_who_has_the_address_may_opt_out_and_it_is_the_one_who_was_asked(
    desk: Desk, copy: Copy
) -> None:
    """A wish that is not needed does no harm; one that is not heard does."""
    assert desk.take(copy) == "kept"
    assert desk.take(copy) == "repeated"
    assert opted_out(desk) == pseudonyms(KIM)


def test_an_opt_out_from_a_survey_that_is_forgotten_is_the_authors_if_it_is_sure_who_that_is(
    desk: Desk,
) -> None:
    key = bytes(16)
    assert desk.take(copy_of("opt-out", key=key, sender="mallory@evil.example")) == "unknown"
    assert desk.take(copy_of("opt-out", key=key)) == "author"
    assert opted_out(desk) == pseudonyms(KIM)


@pytest.mark.parametrize(
    "results",
    [
        "spf=pass smtp.mailfrom=evil.example",
        "spf=pass smtp.mailfrom=evil.example; dkim=pass header.d=evil.example",
        "spf=pass smtp.mailfrom=evil.example; dmarc=none header.from=customer.example",
    ],
)
def test_nobody_is_opted_out_by_another_who_writes_from_a_domain_of_his_own(
    desk: Desk, results: str
) -> None:
    """He is who he says in the envelope. From: is another thing, and it is From: that counts."""
    forged = copy_of(
        "opt-out", key=bytes(16), sender="mallory@evil.example", author=KIM, results=results
    )
    assert desk.take(forged) == "unknown"
    assert opted_out(desk) == set()


def test_one_address_opts_out_one_author_however_many_write_to_it(desk: Desk) -> None:
    """Such a row is kept for good: who knows one old address must not make a million of them."""
    key = bytes(16)
    author = "dkim=pass header.d=customer.example"
    results = [
        desk.take(copy_of("opt-out", key=key, sender=f"{n}@customer.example", results=author))
        for n in range(20)
    ]
    assert results == ["author", *["unknown"] * 19]
    assert desk.take(copy_of("opt-out", key=key, sender="0@customer.example")) == "repeated"
    (rows,) = desk.connection.execute("SELECT count(*) FROM opt_out").fetchone()
    assert rows == 2


def test_a_vote_counts_before_and_after_an_opt_out(desk: Desk) -> None:
    desk.take(copy_of("opt-out"))
    assert desk.vote(5) == "counted"


def unsigned(address: str) -> Copy:
    return replace(copy_of("vote", vote=5), recipient=address)


@pytest.mark.parametrize(
    "local",
    [
        f"b1.{'a' * 26}.{'b' * 13}", f"v1.{'a' * 26}.{'b' * 13}.5", "postmaster", "", "a@b",
        f"f1.skill.billing.{'b' * 13}", "x" * 5000, "\udcff", "t1.a.b",
    ],
)  # fmt: skip
def test_what_we_did_not_sign_is_thrown_away_and_counted(desk: Desk, local: str) -> None:
    assert desk.take(unsigned(f"{local}@{DOMAIN}")) == "unsigned"
    assert desk.known() == 0


def test_other_recipients_are_others_matter(desk: Desk) -> None:
    hidden = TOKENS.hidden_recipient(bytes(16), "in")
    assert desk.take(unsigned(hidden)) == "other"


@pytest.mark.parametrize("domain", ["", "t2.desk.example"])
def test_what_was_sent_out_counts_after_the_domain_is_another_or_none(
    desk: Desk, tmp_path: Path, domain: str
) -> None:
    """Customers have the old addresses for weeks. A refusal by the desk would reach them."""
    file = tmp_path / "later.toml"
    later = TOML.replace(f'"{DOMAIN}"', f'"{domain}"').replace('survey = "send"', "")
    file.write_text(later)
    desk = replace(desk, returns=ReturnDesk(Others(), load([file]).config, TOKENS))
    assert desk.vote(5) == "counted"
    assert desk.take(copy_of("opt-out")) == "kept"
    assert desk.take(copy_of("bounce", sender="")) == "no-report"
    assert desk.take(unsigned(f"b1.{'a' * 26}.{'b' * 13}@{DOMAIN}")) == "unsigned"
    assert desk.take(unsigned(f"postmaster@{DOMAIN}")) == "other"


class Corrector:
    """What is done with corrections, of which this test decides what comes."""

    def __init__(self, found: object | None, *, fails: bool = False) -> None:
        self.found, self.fails = found, fails
        self.written: list[object] = []

    def prepare(self, copy: Copy, what: Return, now: float) -> object | None:
        assert (what.facet, what.value) == ("skill", "billing")
        return self.found

    def write(self, corrections: object) -> int:
        if self.fails:
            raise OSError("no room")
        self.written.append(corrections)
        return 2


def correcting(desk: Desk, tmp_path: Path, corrector: Corrector) -> Desk:
    config = load([tmp_path / "mailtriage.toml"]).config
    return replace(desk, returns=ReturnDesk(Others(), config, TOKENS, corrector))


def correction() -> Copy:
    what = Return("correction", facet="skill", value="billing")
    return unsigned(return_address(TOKENS, DOMAIN, what))


def test_corrections_are_handed_over(desk: Desk, tmp_path: Path) -> None:
    corrector = Corrector("two mails")
    assert correcting(desk, tmp_path, corrector).take(correction()) == "kept"
    assert corrector.written == ["two mails"]
    nothing = Corrector(None)
    assert correcting(desk, tmp_path, nothing).take(correction()) == "refused"
    assert nothing.written == []
    assert desk.take(correction()) == "off"


def test_a_correction_that_cannot_be_kept_comes_again(desk: Desk, tmp_path: Path) -> None:
    """And is no fault of the desk's database, which others' mails need."""
    failing = correcting(desk, tmp_path, Corrector("x", fails=True))
    with pytest.raises(CorrectionError):
        failing.take(correction())


def test_nothing_in_a_line_of_the_log_says_who_it_was(desk: Desk) -> None:
    for copy in (copy_of("vote", vote=4), copy_of("opt-out"), unsigned(f"kim.x.y@{DOMAIN}")):
        prepared = desk.returns.prepare(copy, NOW)
        assert prepared is not None
        with desk.store.transaction():
            outcome = desk.returns.apply(prepared, desk.store, NOW)
        assert not [value for value in outcome.fields.values() if "kim" in str(value)]


def test_mail_to_return_addresses_gets_no_tags(tmp_path: Path) -> None:
    """It is exempt, with all its recipients; what goes to a mailbox as well is not."""
    file = tmp_path / "mailtriage.toml"
    file.write_text(TOML)
    exempt = load([file]).config.exempt
    back = f"b1.x.y@{DOMAIN}"
    assert exempt.why("198.51.100.7", (KIM,), (back,)) == "recipient"
    assert exempt.why("198.51.100.7", (KIM,), (back, "help@desk.example")) == ""


def test_every_outcome_is_counted_from_zero() -> None:
    source = "".join(
        Path(__file__).parents[2].joinpath("milter/mailtriage", name).read_text()
        for name in ("desk/returns.py", "desk/votes.py", "desk/bounces.py", "state/votes.py")
    )
    page = (Path(__file__).parents[2] / "docs/return-addresses.md").read_text()
    for kind, results in RETURNS.items():
        for result in results:
            assert f'"{result}"' in source, f"{kind} {result}"
            assert f"`{result}`" in page, f"{kind} {result}"
