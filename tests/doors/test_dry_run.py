"""[dry_run]: what would be done to a mail is said and counted, and is not done."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtriage.acks.seal import read_seal
from mailtriage.acks.tokens import Tokens
from mailtriage.config import load
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.tried import make_trial, without_signals
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.policies.load import load_policies
from mailtriage.policies.matcher import Matcher
from mailtriage.service.log import AddressMask, mail_fields
from mailtriage.service.metrics_counting import of_mail
from mailtriage.service.metrics_names import DRY_RUN as METRIC
from mailtriage.tags.apply import apply_edits, header_names
from mailtriage.tags.edits import forged
from mailtriage.tags.lint import lint
from mailtriage.tags.model import Edits, Status
from mailtriage.tags.vocabulary import DRY_RUN, MAX_VALUE, NAMES, dry_run_value
from mailtriage.triage.customer import FixedCustomers
from mailtriage.triage.model import Churn, Kind, Mood, Priority, Tier, Triage
from tests.support.office import letter

HELP, JOE = "help@desk.example", "joe@customer.example"
CUSTOMER = Client("198.51.100.7")
BASE = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["192.0.2.0/24"]
[mailboxes."help@desk.example"]
profile = "znuny"
ack = "send"
route = "recipient"
[mailboxes."help@desk.example".routes]
billing = "billing@desk.example"
"""
POLICY = 'skill = "{0}"\nsignal = [{{ id = "{0}-word", weight = 3, words.any = ["{1}"] }}]\n'
INVOICE = "Hello, please send me the invoice for October again, I cannot find it anywhere.\n"
FORGED = "X-Mailtriage-Skill: sales\nX-Mailtriage-Dry-Run: v=1;\nx-mailtriage-dry-run : v=1;"

MakeAnalyst = Callable[..., Analyst]


def analyst_of(directory: Path, toml: str) -> Analyst:
    """Two skills, billing and sales, by one word each."""
    file, folder = directory / "mailtriage.toml", directory / "policies"
    file.write_text(toml, encoding="utf-8")
    folder.mkdir(exist_ok=True)
    for name, word in (("billing", "invoice"), ("sales", "october")):
        (folder / f"{name}.toml").write_text(POLICY.format(name, word))
    config, (policies, _) = load([file]).config, load_policies([folder])
    names = config.dry_run.policies
    return Analyst(
        config,
        Matcher(without_signals(policies, names)),
        FixedCustomers({}),
        Tokens(b"a secret of the tests, 32 bytes and more"),
        trial=make_trial(policies, None, names, time_limit=0.02),
    )


@pytest.fixture
def analyst(tmp_path: Path) -> MakeAnalyst:
    return lambda dry_run="": analyst_of(tmp_path, f"[dry_run]\n{dry_run}\n{BASE}")


def analyse(
    analyst: Analyst,
    raw: bytes,
    *,
    client: Client = CUSTOMER,
    recipients: tuple[str, ...] = (HELP,),
) -> Analysis:
    read = partial(read_message, raw, envelope=Envelope(JOE, recipients), client=client)
    return analyst.analyse(read, header_names(raw))


MAIL = letter(INVOICE.replace("October", "last month"), more=FORGED)


def test_without_a_dry_run_nothing_says_so(analyst: MakeAnalyst) -> None:
    found = analyse(analyst(), MAIL)
    names = [name for name, _ in found.edits.insert]
    assert tuple(names[: len(NAMES)]) == NAMES
    assert DRY_RUN not in names
    assert found.tried is None
    assert found.edits.recipient
    assert [change.new for change in found.edits.reroute] == ["billing@desk.example"]
    assert "X-OTRS-Loop" in names, "the helpdesk is silenced"


def test_of_everything_only_the_one_field_is_left(analyst: MakeAnalyst) -> None:
    live, found = analyse(analyst(), MAIL), analyse(analyst("all = true"), MAIL)
    summary = dict(live.edits.insert)["X-Mailtriage"]
    assert found.edits.insert == ((DRY_RUN, f"{summary} routed=1;"),)
    assert "ack=sent;" in summary
    assert "skill=billing;" in summary
    assert found.edits.delete == live.edits.delete
    assert {deletion.name for deletion in found.edits.delete} >= {"x-mailtriage-dry-run"}
    assert (found.edits.recipient, found.edits.reroute) == ("", ())


def test_without_tags_the_customer_is_acknowledged_all_the_same(analyst: MakeAnalyst) -> None:
    """The helpdesk is kept from doing so as well; there is no seal, so that the desk judges."""
    found = analyse(analyst('actions = ["tags"]'), MAIL)
    assert [name for name, _ in found.edits.insert] == [DRY_RUN, "X-OTRS-Loop"]
    assert found.edits.recipient
    assert found.edits.reroute
    assert found.plan is not None
    assert found.plan.verdict.announced == "sent"


def test_without_acknowledgements_the_tags_say_none(analyst: MakeAnalyst) -> None:
    """As if the mailbox had ack = "off": the desk records the mail, nobody is answered."""
    live, found = analyse(analyst(), MAIL), analyse(analyst('actions = ["acknowledge"]'), MAIL)
    fields = dict(found.edits.insert)
    assert (fields["X-Mailtriage-Ack"], fields["X-Mailtriage-Ack-Rule"]) == ("none", "e1")
    assert "X-OTRS-Loop" not in fields
    assert fields[DRY_RUN] == f"{dict(live.edits.insert)['X-Mailtriage']} routed=1;"
    assert (found.edits.recipient, found.edits.reroute) == (
        live.edits.recipient,
        live.edits.reroute,
    )


def test_without_routes_recipients_stay(analyst: MakeAnalyst) -> None:
    live, found = analyse(analyst(), MAIL), analyse(analyst('actions = ["route"]'), MAIL)
    assert found.edits.reroute == ()
    assert found.edits.recipient == live.edits.recipient
    fields = dict(found.edits.insert)
    assert fields[DRY_RUN].endswith(" routed=1;")
    assert fields["X-Mailtriage-Ack"] == "sent"
    stays = analyse(analyst('actions = ["route"]'), letter("Hello, how are you all doing?\n"))
    assert "routed" not in dict(stays.edits.insert)[DRY_RUN]


def test_the_field_stands_behind_ours_and_under_the_seal(analyst: MakeAnalyst) -> None:
    """The desk takes every field of ours to be signed."""
    found = analyse(analyst('actions = ["route"]'), MAIL)
    names = [name for name, _ in found.edits.insert]
    assert tuple(names[: len(NAMES) + 1]) == (*NAMES, DRY_RUN)
    assert found.plan is not None
    ours = [field for field in found.edits.insert if field[0] in {*NAMES, DRY_RUN}]
    signed = tuple(field for field in ours if field[0] != "X-Mailtriage-Seal")
    tokens, case = found.plan.case.tokens, found.plan.case
    seal = dict(ours)["X-Mailtriage-Seal"]
    assert read_seal(tokens, case.key, signed, seal) is not None


def test_a_policy_that_is_tried_counts_for_the_line_alone(analyst: MakeAnalyst) -> None:
    found = analyse(analyst('policies = ["billing"]'), MAIL)
    fields = dict(found.edits.insert)
    assert (fields["X-Mailtriage-Skill"], found.triage.skill) == ("general", "general")
    assert "skill=billing;" in fields[DRY_RUN]
    assert found.edits.reroute == ()
    assert found.tried is not None
    assert (found.tried.actions, found.tried.policies) == ((), ("billing",))
    unconcerned = analyse(analyst('policies = ["billing"]'), letter("Hello, how are you doing?\n"))
    assert unconcerned.tried is not None
    assert unconcerned.tried.policies == ()


def test_a_policy_is_only_named_when_it_makes_a_difference(analyst: MakeAnalyst) -> None:
    found = analyse(analyst('policies = ["billing", "sales"]'), MAIL)
    assert found.tried is not None
    assert found.tried.policies == ("billing",)


@pytest.mark.parametrize("dry_run", ["all = true", 'actions = ["tags", "acknowledge", "route"]'])
def test_outbound_mail_only_loses_forged_fields(analyst: MakeAnalyst, dry_run: str) -> None:
    answer = letter(sender=HELP, to=JOE, more=f"{FORGED}\nReferences: <m1@customer.example>")
    ours, recipients = Client("192.0.2.9"), (JOE,)
    live = analyse(analyst(), answer, client=ours, recipients=recipients)
    found = analyse(analyst(dry_run), answer, client=ours, recipients=recipients)
    assert live.edits.recipient
    assert found.edits == Edits(live.edits.delete)


BROKEN = "an analyser that ended"


@pytest.mark.parametrize(
    ("dry_run", "names", "told"),
    [
        ("", NAMES, True),
        ("all = true", (DRY_RUN,), False),
        ('actions = ["tags"]', (DRY_RUN, "X-OTRS-Loop"), True),
        ('actions = ["acknowledge"]', (*NAMES, DRY_RUN), True),
    ],
)
def test_a_mail_that_passes_unread_is_tried_no_less(
    analyst: MakeAnalyst, dry_run: str, names: tuple[str, ...], *, told: bool
) -> None:
    fields = [(header.name, header.raw) for header in read_message(MAIL).headers]
    found = analyst(dry_run).pass_on(
        header_names(MAIL),
        fields,
        INVOICE.encode(),
        Envelope(JOE, (HELP,)),
        CUSTOMER,
        "4Wx0",
        Status.TIMEOUT,
        BROKEN,
    )
    inserted = [name for name, _ in found.edits.insert]
    assert tuple(name for name in inserted if name in {*names}) == names
    assert (found.status, found.detail) == (Status.TIMEOUT, BROKEN)
    assert bool(found.edits.recipient) is told
    assert ("X-Mailtriage-Skill" in inserted) is (len(names) >= len(NAMES))
    if dry_run:
        assert dict(found.edits.insert)[DRY_RUN].endswith("ack=none; status=timeout;")


def test_it_is_counted_and_logged(analyst: MakeAnalyst) -> None:
    found = analyse(analyst('all = true\npolicies = ["billing"]'), MAIL)
    counted = {labels for name, labels in of_mail(found, {}) if name == METRIC}
    assert counted == {
        ("tags", "tagged"),
        ("acknowledge", "sent"),
        ("route", "routed"),
        ("policy", "billing"),
    }
    line = mail_fields(found, "4Wx0", JOE, (HELP,), AddressMask("hashed", None))
    assert (line["dry_run"], line["dry_run_policies"]) == ("tags,acknowledge,route", "billing")
    assert (line["would_ack"], line["would_ack_rule"], line["would_route"]) == ("sent", "-", 1)
    assert (line["ack"], line["ack_rule"]) == ("none", "E1")
    live = mail_fields(analyse(analyst(), MAIL), "4Wx0", JOE, (HELP,), AddressMask("hashed", None))
    assert not {key for key in live if "dry" in key or "would" in key}


@given(
    skill=st.text("abcdefghijklmnopqrstuvwxyz", max_size=60),
    kb=st.text("abcdefghijklmnopqrstuvwxyz", max_size=60),
    status=st.sampled_from(Status),
    routed=st.booleans(),
)
def test_the_line_is_never_too_long(skill: str, kb: str, status: Status, routed: bool) -> None:
    longest = Triage(
        language="zh-hant-tw",
        skill=skill,
        priority=Priority.URGENT,
        score=100,
        tier=Tier.STANDARD,
        churn=Churn.MEDIUM,
        mood=Mood.NEGATIVE,
        kind=Kind.MACHINE,
    )
    value = dry_run_value(longest, status, kb=kb, ack="delegated", routed=routed)
    assert len(value) <= MAX_VALUE
    assert lint(DRY_RUN, value) == []
    if len(skill) + len(kb) < 40:
        assert ("routed=1;" in value) is routed
        assert (f"status={status};" in value) is (status is not Status.OK)


FIELD_NAMES = st.sampled_from([
    "X-Mailtriage", "X-Mailtriage-Skill", "x-mailtriage-DRY-run", "X-OTRS-Queue", "X-OTRS-Loop",
    "Subject", "To", "Cc", "X-Other", "Received", "References",
])  # fmt: skip
VALUES = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=30)


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    toml = f'[dry_run]\nall = true\npolicies = ["sales"]\n{BASE}'
    return analyst_of(tmp_path_factory.mktemp("dry"), toml)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.lists(st.tuples(FIELD_NAMES, VALUES), max_size=12),
    body=st.binary(max_size=200),
    recipients=st.lists(st.sampled_from([HELP, "x@other.example"]), max_size=3),
)
def test_a_mail_differs_by_forged_fields_and_the_one_field_alone(
    dry: Analyst, header: list[tuple[str, str]], body: bytes, recipients: list[str]
) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in header).encode()
    raw = head + b"\r\n" + body
    found = analyse(dry, raw, recipients=tuple(recipients))
    assert (found.status in {Status.OK, Status.UNREAD}, found.detail) == (True, "")
    assert (found.edits.recipient, found.edits.reroute) == ("", ())
    (field,) = found.edits.insert
    assert field[0] == DRY_RUN
    stripped = {deletion.name for deletion in found.edits.delete}
    profile = dry.config.profiles["znuny"]
    allowed = {deletion.name for deletion in forged(header_names(raw), profile)}
    assert stripped <= allowed
    kept = "".join(
        f"{name}: {value}\r\n" for name, value in header if name.lower() not in stripped
    ).encode()
    inserted = f"{field[0]}: {field[1]}\r\n".encode()
    assert apply_edits(raw, found.edits) == inserted + kept + b"\r\n" + body
