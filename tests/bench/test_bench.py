"""The benchmark's own arithmetic and corpus: quick, and without starting anything."""

import re
import statistics

import pytest

from mailtriage.tags import vocabulary
from mailtriage.triage.model import Triage
from tests.bench import acks, corpus, report, rspamd
from tests.bench.measure import POSTFIX, SOCKET, Cell
from tests.bench.protocol import prepare


def test_generated_mails_are_the_same_each_time() -> None:
    assert corpus.mix(12) == corpus.mix(12)
    assert corpus.small(12) == corpus.small(12)


def test_sets_have_the_sizes_that_they_promise() -> None:
    sizes = [len(letter.data) for letter in corpus.mix(60)]
    assert 100_000 < statistics.mean(sizes) < 160_000
    assert max(sizes) <= 2.2e6
    assert max(len(letter.data) for letter in corpus.small(60)) <= corpus.SMALL
    for wanted in (64 * 1024, 2 * 1024 * 1024):
        (letter,) = corpus.sized(wanted, 1)
        assert len(letter.data) == pytest.approx(wanted, abs=200)


def test_sized_mails_differ_in_their_attachment_alone() -> None:
    (small,), (large,) = corpus.sized(20_000, 1), corpus.sized(40_000, 1)
    head = small.data.partition(b"\r\n\r\n")[0]
    assert large.data.startswith(head)


def test_generated_mails_are_fit_for_smtp() -> None:
    for letter in corpus.small(24)[::2]:  # the even ones are generated
        head = letter.data.partition(b"\r\n\r\n")[0]
        assert 30 <= len(re.findall(rb"(?m)^[^\s:]+:", head)) <= 62
        assert letter.data.endswith(b"\r\n")
        assert not re.search(rb"[^\r]\n|\r[^\n]", letter.data)
        assert max(map(len, letter.data.split(b"\r\n"))) <= 998


def test_milter_packets_carry_every_header_and_all_of_the_body() -> None:
    (letter,) = corpus.sized(200_000, 1)
    head, _, body = letter.data.partition(b"\r\n\r\n")
    mail = prepare(letter)
    assert len(mail.headers) == len(re.findall(rb"(?m)^[^\s:]+:", head))
    assert b"".join(packet[5:] for packet in mail.body) == body
    assert max(map(len, mail.body)) == 65535 + 5


def test_rspamd_puts_in_the_headers_that_mailtriage_puts_in() -> None:
    assert tuple(name for name, _ in vocabulary.fields(Triage())) == rspamd.HEADERS


@pytest.mark.parametrize(
    ("phrase", "hits", "misses"),
    [
        ("faktur*", ["fakturan kom", "en faktura"], ["omfakturera"]),
        ("*rechnung", ["Stromrechnung da"], ["Rechnungen"]),
        ("gas leak", ["a gas\n leak!"], ["gasleak", "a gas leakage"]),
        ("c++", ["in c++ now"], ["c"]),
        ("över", ["det är över nu"], ["ovan"]),
    ],
)
def test_phrases_become_patterns(phrase: str, hits: list[str], misses: list[str]) -> None:
    (rule,) = rspamd._policy_rules(
        {"skill": "x", "signal": [{"id": "y", "words": {"en": [phrase]}}]}, None
    )
    pattern = re.compile(rspamd._pattern(rule.phrases[0]), re.IGNORECASE | re.ASCII)
    assert all(pattern.search(text) for text in hits)
    assert not any(pattern.search(text) for text in misses)


def _cell(variant: str, number: int, **figures: object) -> Cell:
    values: dict[str, object] = {
        "way": POSTFIX,
        "mails": "mix",
        "clients": 8,
        "rate": 100.0,
        "latencies": (1.0, 2.0),
        "milter_ms": 1.0,
        "postfix_ms": 2.0,
        "foreign": 0.0,
        "degraded": 0,
    }
    return Cell(variant=variant, round=number, **{**values, **figures})  # type: ignore[arg-type]  # a test's shorthand


def test_ratios_are_taken_within_a_round() -> None:
    """The second round was twice as slow for both: the ratio must not notice."""
    results = report.Results(
        [
            _cell("rspamd", 0, milter_ms=1.0),
            _cell("mailtriage", 0, milter_ms=0.5),
            _cell("rspamd", 1, milter_ms=2.0),
            _cell("mailtriage", 1, milter_ms=1.0),
        ],
        {},
    )
    found = {target.key: target for target in report.targets(results)}
    assert found["cpu_mix"].value == 0.5
    assert found["cpu_mix"].verdict == "reached"
    assert found["cpu_small"].verdict == "not measured"
    assert report.ratios(results)["postfix_mix_8_cpu"] == 0.5


def test_added_latency_is_counted_from_the_same_mail_without_a_milter() -> None:
    results = report.Results(
        [
            _cell("none", 0, latencies=(1.0, 10.0)),
            _cell("rspamd", 0, latencies=(3.0, 14.0)),
            _cell("mailtriage", 0, latencies=(2.0, 12.0)),
        ],
        {"rspamd": [100.0, 120.0, 110.0], "mailtriage": [88.0]},
    )
    assert results.added("mix", 8, "rspamd") == [2.0, 4.0]
    found = {target.key: target for target in report.targets(results)}
    assert found["added_p50"].value == 0.5
    assert found["added_p99"].value == 0.5
    assert found["memory"].value == 0.8
    assert found["memory"].verdict == "missed"
    assert found["throughput"].verdict == "missed"  # the same rate is less than 1.1 times


def test_a_large_mail_is_set_against_a_small_one_on_the_socket() -> None:
    results = report.Results(
        [
            _cell("mailtriage", 0, way=SOCKET, mails="64KB", clients=1, milter_ms=1.0),
            _cell("mailtriage", 0, way=SOCKET, mails="2MB", clients=1, milter_ms=1.25),
        ],
        {},
    )
    (size,) = (target for target in report.targets(results) if target.key == "size")
    assert size.value == 1.25
    assert "2MB" in report.table(results)


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (1.0, 4.0)]
)
def test_percentile(share: float, wanted: float) -> None:
    assert report.percentile([4.0, 1.0, 3.0, 2.0], share) == wanted


def test_every_turn_of_a_mail_is_from_another_customer_and_vouched_for() -> None:
    """Else the second one would be no mail that is acknowledged, and the figures those of another."""
    (letter,) = corpus.small(1)
    turns = [acks._posted([letter], turn)[0] for turn in ("r0", "r1")]
    assert len({turn.sender for turn in turns}) == 2
    assert len({re.search(rb"(?m)^Message-ID: .*", turn.data)[0] for turn in turns}) == 2
    for turn in turns:
        domain = turn.sender.partition("@")[2].encode()
        assert turn.data.startswith(b"Authentication-Results: mx.desk.example; spf=pass")
        assert b"dmarc=pass header.from=" + domain in turn.data
        assert f"<{turn.sender}>".encode() in turn.data
        assert letter.sender.encode() not in turn.data
