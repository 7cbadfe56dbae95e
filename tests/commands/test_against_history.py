"""mailtriage check --against-history: what a changed policy would have done to past mails."""

import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from mailtriage.commands.against_history import Comparison, Unsure, compare, show
from mailtriage.doors.exchange import Question
from mailtriage.mail.model import Client, Envelope
from mailtriage.mail.read import read_message
from mailtriage.service.history import row_of
from mailtriage.service.load import read_everything
from mailtriage.service.metrics_deltas import Deltas
from mailtriage.service.recorder import Channel, Recorder
from mailtriage.state.history import open_history
from mailtriage.state.history_writer import HistoryWriter
from mailtriage.tags.apply import header_names
from mailtriage.triage.policy_set import policy_set
from tests.commands.conftest import Call
from tests.state.test_history import row

POLICY = """\
format = 1
skill = "{skill}"
threshold = {threshold}
[[signal]]
id = "{skill}-word"
weight = {weight}
words.en = {words}
[[signal]]
id = "{skill}-extra"
weight = 1
words.en = ["{extra}"]
"""
PRIORITY = """\
format = 1
facet = "priority"
base = 40
levels = {{ urgent = 95, high = 60, normal = 10 }}
[adjust]
skill-invoices = {raised}
[[signal]]
id = "danger"
weight = 20
words.en = ["danger"]
"""
MAILS = (
    ("4Wx1", "The invoice is wrong and the amount, too."),
    ("4Wx2", "Where is the parcel that I ordered?"),
    ("4Wx3", "The invoice and the parcel have not come."),
    ("4Wx4", "Hello and good day to all of you, dear people."),
)


class Site:
    """A configuration with two skills and no model, and the mails that came."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "mailtriage.toml"
        (directory / "own").mkdir()
        self.config.write_text(
            f'[state]\nurl = "sqlite://{directory}/state.db"\n[model]\nenabled = false\n'
            "[warnings]\nphrases = false\n"
            f'[policies]\nshipped = false\ndirectories = ["{directory}/own"]\n'
            '[mailboxes."help@desk.example"]\nack = "off"\n'
        )
        self.policies()

    def policies(self, **changes: object) -> None:
        """Write the policies, with what is other than in the beginning."""
        facts = {
            "threshold": 3,
            "weight": 4,
            "words": '["invoice"]',
            "extra": "amount",
            "raised": 0,
        }
        facts |= changes
        own = self.directory / "own"
        (own / "invoices.toml").write_text(POLICY.format(skill="invoices", **facts))
        parcels = facts | {"weight": 3, "words": '["parcel"]', "extra": "ordered", "threshold": 3}
        (own / "parcels.toml").write_text(POLICY.format(skill="parcels", **parcels))
        (own / "priority.toml").write_text(PRIORITY.format(**facts))

    def receive(self, times: int = 1) -> None:
        """Judge the mails as the service does, and write them down."""
        analyst = read_everything([self.config]).analyst()
        channel, rows = Channel(), []
        recorder = Recorder(analyst, channel, Deltas())
        envelope = Envelope("kim@customer.example", ("help@desk.example",))
        for queue_id, text in MAILS * times:
            raw = f"From: kim@customer.example\nTo: help@desk.example\n\n{text}\n".encode()
            read = partial(read_message, raw, envelope=envelope, queue_id=queue_id)
            analysis = analyst.analyse(read, header_names(raw), body=raw)
            question = Question(envelope, Client(), queue_id, (), (raw,), complete=True, whole=True)
            recorder.record(analysis, question)
            rows.append(row_of(channel.out.recv(65536)) or [])
        with ExitStack() as stack:
            stack.callback(channel.into.close)
            stack.callback(channel.out.close)
            writer = stack.enter_context(closing(HistoryWriter(self.directory / "history.db")))
            known = policy_set(analyst.matcher.policies, analyst.model)
            writer.keep_policy_set(known.name, time.time(), known.content)
            writer.add(rows)

    def compared(self, since: float = 0.0) -> Comparison:
        analyst = read_everything([self.config]).analyst()
        with open_history(self.directory / "history.db") as history:
            return compare(history, analyst, since)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.receive()
    return made


def test_unchanged_policies_change_nothing(site: Site) -> None:
    found = site.compared()
    assert (found.judged, found.different, found.other_score) == (4, 0, 0)
    assert not found.unsure
    assert not found.not_judged


def test_a_changed_weight(site: Site) -> None:
    site.policies(weight=2)
    found = site.compared()
    # The one that also names an amount stays.
    assert found.changes == {("skill", "invoices", "parcels"): 1, ("skills", "parcels", "none"): 1}
    assert (found.judged, found.different) == (4, 1)


def test_a_changed_threshold_says_which_mails(site: Site) -> None:
    site.policies(threshold=9)
    found = site.compared()
    assert found.changes["skill", "invoices", "general"] == 2
    assert found.examples["skill", "invoices", "general"] == ["4Wx3", "4Wx1"]
    assert found.different == 2


def test_another_score_alone_is_no_other_tag(site: Site) -> None:
    site.policies(raised=5)
    found = site.compared()
    assert (found.different, found.other_score) == (0, 2)
    site.policies(raised=40)
    found = site.compared()
    assert found.changes == {("priority", "normal", "high"): 2}
    assert found.examples["priority", "normal", "high"] == ["4Wx3", "4Wx1"]


def test_it_says_what_the_mails_themselves_would_get(tmp_path: Path) -> None:
    """Compared is the same as sending the mails once more."""
    site = Site(tmp_path)
    site.receive()
    for changes in ({"weight": 1}, {"threshold": 1}, {"raised": 45}, {"weight": -3}):
        site.policies(**changes)
        with open_history(tmp_path / "history.db") as history:
            before = history.newest(4)[::-1]
        expected = site.compared(since=before[0].at)
        site.receive()
        with open_history(tmp_path / "history.db") as history:
            after = history.newest(4)[::-1]
        moved = [(a.skill, b.skill) for a, b in zip(before, after, strict=True)]
        for old, new in moved:
            if old != new:
                assert expected.changes["skill", old, new] == moved.count((old, new))
        assert sum(old != new for old, new in moved) == sum(
            number for (facet, _, _), number in expected.changes.items() if facet == "skill"
        )


def test_signals_of_which_old_hits_tell_nothing(site: Site) -> None:
    site.policies(words='["invoice", "bill"]', extra="money")
    found = site.compared()
    assert found.unsure == {
        Unsure("invoices", "invoices-word", "changed"): 4,
        Unsure("invoices", "invoices-extra", "changed"): 4,
    }
    assert found.unsure_mails == 4
    assert found.different == 0


def test_a_new_signal_is_named(site: Site) -> None:
    file = site.directory / "own" / "parcels.toml"
    more = '[[signal]]\nid = "late"\nweight = 3\nwords.en = ["late"]\n'
    foreign = '[[signal]]\nid = "spat"\nweight = 3\nwords.de = ["zu spät"]\n'
    file.write_text(file.read_text() + more + foreign)
    assert site.compared().unsure == {Unsure("parcels", "late", "new"): 4}


def test_mails_of_which_nothing_is_known(site: Site) -> None:
    with closing(HistoryWriter(site.directory / "history.db")) as writer:
        writer.add([row(seen=""), row(policies="gone"), row(seen='{"l":["en",1],"h":[]}')])
    found = site.compared()
    assert found.judged == 4
    assert sum(found.not_judged.values()) == 3


def test_those_before_are_left_out(site: Site) -> None:
    assert site.compared(since=time.time() + 1).judged == 0


def test_there_may_be_many(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.receive(times=300)
    site.policies(threshold=9)
    found = site.compared()
    assert found.judged == 1204
    assert found.changes["skill", "invoices", "general"] == 602
    show(found, 0.0)
    assert "602 would be tagged differently" in capsys.readouterr().out


class TestCommand:
    def test_it_says_what_would_be_different(self, call: Call, site: Site) -> None:
        site.policies(threshold=9)
        done = call("--config", site.config, "check", "-q", "--against-history", "7d")
        assert done.code == 0
        lines = done.out.splitlines()
        assert lines[0].startswith("4 mails since ")
        assert lines[0].endswith("judged again: 2 would be tagged differently")
        assert ["skill", "invoices", "general", "4Wx3,", "4Wx1", "2"] in [
            line.split() for line in lines
        ]

    def test_without_a_history(self, call: Call, tmp_path: Path) -> None:
        site = Site(tmp_path)
        done = call("--config", site.config, "check", "-q", "--against-history", "7d")
        assert done.code == 1
        assert "history.db: is not there yet" in done.err

    def test_a_configuration_with_mistakes_is_not_compared(self, call: Call, site: Site) -> None:
        site.policies(weight='"much"')
        done = call("--config", site.config, "check", "-q", "--against-history", "7d")
        assert done.code == 1
        assert "judged again" not in done.out
        assert call("--config", site.config, "check", "--against-history", "soon").code == 2


@pytest.mark.parametrize(
    "seen",
    [
        "[" * 9000, "{", "[]", '{"l": 7}', '{"l": ["en", 1], "h": [99999, 2]}',
        '{"l": ["en", 1], "h": [0, 1e400]}', '{"l": ["en", NaN], "f": [-1, {}]}',
        '{"l": ["en", 1], "h": [0, 2], "d": "x", "t": [], "a": 7}',
        '{"l": ["en", 1], "m": 1e400, "r": []}', '{"l": ["en", 1], "h": [0, 1' + "0" * 400 + "]}",
    ],
)  # fmt: skip
def test_whatever_stands_in_a_row_the_others_are_judged(tmp_path: Path, seen: str) -> None:
    site = Site(tmp_path)
    site.receive()
    with closing(open_history(tmp_path / "history.db")) as history:
        policies = history.newest(1)[0].policies
    with closing(HistoryWriter(tmp_path / "history.db")) as writer:
        writer.add([row(queue_id="bad", policies=policies, seen=seen)])
    found = site.compared()
    assert found.judged + sum(found.not_judged.values()) == len(MAILS) + 1
    assert found.judged >= len(MAILS)
