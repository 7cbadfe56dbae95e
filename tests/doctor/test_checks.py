"""Checks of what a test cannot break on the machine it runs on: clocks, disks, what time has done."""

import errno
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailtriage.doctor import checks
from mailtriage.doctor.authentication import forged_results
from mailtriage.doctor.checks import examine
from mailtriage.doctor.disk import disk
from mailtriage.doctor.dry_run import dry_run
from mailtriage.doctor.expected import expected
from mailtriage.doctor.facts import (
    Clock,
    Disk,
    Facts,
    Knowledge,
    Postfix,
    Probed,
    Reached,
    Redis,
    State,
    Templates,
)
from mailtriage.doctor.model import Undone
from mailtriage.doctor.postconf import Service
from mailtriage.doctor.settings import milter_address
from tests.doctor.conftest import TOML, Configure

Found = Callable[..., dict[str, str]]
ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
DAY = 86_400.0


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({"clock": Clock(synchronised=True)}, {}),
        ({"clock": Clock(synchronised=None)}, {}),
        ({"clock": Clock(synchronised=False)}, {"clock": "warning"}),
        ({"state": State(ahead=3600)}, {"clock": "error"}),
        ({"state": State(ahead=60)}, {}),
        ({"disks": (Disk("/var/spool/postfix", 2000 * MIB, 0.5),)}, {}),
        ({"disks": (Disk("/var/spool/postfix", 100 * MIB, 0.5),)}, {"disk": "warning"}),
        ({"disks": (Disk("/var/spool/postfix", 2000 * MIB, 0.01),)}, {"disk": "warning"}),
        ({"state": State(file_system="ext4")}, {}),
        ({"state": State(file_system="tmpfs")}, {"state-volatile": "error"}),
        ({"state": State(file_system="nfs4")}, {"state-volatile": "error"}),
        ({"state": State(database_fault="state.db: no")}, {"database": "error"}),
        ({"state": State(secret_fault="secret: there is none")}, {"secret-missing": "error"}),
        ({"state": State(dead=2)}, {"outbox-dead": "warning"}),
        ({"state": State(oldest_due=60)}, {}),
        ({"state": State(oldest_due=3600)}, {"outbox-late": "warning"}),
        ({"redis": (Redis("customers.redis"),)}, {}),
        ({"redis": (Redis("customers.redis", fault="refused"),)}, {"redis-down": "error"}),
        ({"redis": (Redis("state.url", appends=False),)}, {"redis-durability": "error"}),
        ({"redis": (Redis("customers.redis", appends=False),)}, {"redis-durability": "warning"}),
        ({"redis": (Redis("state.url", eviction="allkeys-lru"),)}, {"redis-eviction": "error"}),
        ({"redis": (Redis("state.url", appends=False, asked=False),)}, {}),
        ({"redis": (Redis("state.url", fault="refused"),)}, {"redis-down": "error"}),
        ({"redis": (Redis("state.url", foreign="another secret"),)}, {"redis-foreign": "error"}),
        ({"redis": (Redis("state.url", ahead=4.0),)}, {}),
        ({"redis": (Redis("state.url", ahead=90.0),)}, {"redis-clock": "warning"}),
        ({"knowledge": Knowledge()}, {}),
        ({"knowledge": Knowledge(age=89 * DAY)}, {}),
        ({"knowledge": Knowledge(age=91 * DAY)}, {"kb-old": "warning"}),
        ({"knowledge": Knowledge(missing=True)}, {"kb-missing": "warning"}),
        ({"knowledge": Knowledge(fault="kb.idx: damaged")}, {"kb-damaged": "warning"}),
        ({"templates": Templates()}, {}),
        ({"templates": Templates(missing=True)}, {"answers-missing": "warning"}),
        ({"templates": Templates(fault="answers.idx: no")}, {"answers-damaged": "warning"}),
        ({"templates": Templates(mistakes=("a.md:1", "b.md:2"))}, {"answers-mistakes": "warning"}),
        ({"templates": Templates(is_behind=True)}, {"answers-old": "warning"}),
        ({"forged": True}, {"results-forgeable": "error"}),
        ({"forged": None}, {}),
        ({"probed": Probed(status="ok", tags=17)}, {}),
        ({"probed": Probed(fault="it hung up")}, {"probe": "error"}),
        ({"probed": Probed(tags=0)}, {"probe": "error"}),
        ({"probed": Probed(status="timeout", tags=17)}, {"probe": "error"}),
        ({"milter": Reached("unix:/m", errno.ECONNREFUSED)}, {"milter-down": "error"}),
        (
            {"milter": Reached("unix:/m", 0, errno.EACCES, "/run/mailtriage")},
            {"milter-permission": "error"},
        ),
        ({"milter": Reached("unix:/m", errno.EACCES, None)}, {}),
        ({"desk": Reached("unix:/d", 0, errno.EACCES, "/d", "250")}, {"desk-permission": "error"}),
        ({"desk": Reached("inet:[::1]:1", errno.ECONNREFUSED)}, {"desk-down": "error"}),
        ({"desk": Reached("inet:[::1]:1")}, {"desk-down": "error"}),
        ({"port": Reached("inet:[::1]:1", errno.ETIMEDOUT)}, {"port-down": "error"}),
        ({"port": Reached("inet:[::1]:1")}, {"port-down": "error"}),
        (
            {
                "port": Reached("inet:[::1]:1"),
                "signers": (Reached("inet:[::1]:2", errno.ECONNREFUSED),),
            },
            {"signer-down": "error"},
        ),
    ],
)
def test_what_is_seen_leads_to_the_finding(
    found: Found, change: dict[str, object], findings: dict[str, str]
) -> None:
    assert found(**change) == findings


@pytest.mark.parametrize(("free", "severity"), [(80, "error"), (120, "warning"), (2000, "")])
def test_postfix_refuses_mail_before_the_disk_is_full(
    healthy: Facts, free: int, severity: str
) -> None:
    """smtpd wants 1.5 * message_size_limit (postconf(5), queue_minfree)."""
    postfix = Postfix({"message_size_limit": str(60 * MIB)}, {}, (), {}, {})
    facts = replace(healthy, postfix=postfix, disks=(Disk("/", free * MIB, 1.0),))
    assert [one.severity for one in disk(facts)] == ([severity] if severity else [])


def test_nobody_is_answered_whom_no_trusted_server_vouches_for(
    found: Found, configure: Configure
) -> None:
    assert found(config=configure("[mailboxes.'help@desk.example']")) == {
        "results-untrusted": "error"
    }
    assert found(config=configure("[mailboxes.'help@desk.example']\nack = 'off'")) == {}


@pytest.mark.parametrize(
    "trial", ["[dry_run]\nactions = ['acknowledge']\n", "[dry_run]\nall = true\n"]
)
def test_before_acknowledgements_go_out_is_the_time_to_see_that_none_can_be_trusted(
    found: Found, configure: Configure, trial: str
) -> None:
    """dry-run.md: the doctor is asked first, and then it is switched on."""
    config = configure(f"{trial}[mailboxes.'help@desk.example']")
    assert found(config=config) == {"results-untrusted": "error", "dry-run": "info"}


def test_forged_results_are_tried_on_a_mailbox_that_acknowledges_in_trial_alone(
    configure: Configure,
) -> None:
    assert forged_results(configure(f"[dry_run]\nall = true\n{TOML}"))
    assert not forged_results(configure(f"{TOML}ack = 'off'\n"))


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        ("[dry_run]\nactions = ['tags', 'route']\n", "tags, route"),
        ("[dry_run]\npolicies = ['billing']\n", "billing"),
        ("[mailboxes.'sales@desk.example']\ndry_run = true\n", "sales@desk.example"),
    ],
)
def test_a_trial_that_goes_on_is_told(
    healthy: Facts, configure: Configure, toml: str, what: str
) -> None:
    config = configure(toml + TOML)
    (told,) = dry_run(replace(healthy, config=config))
    assert (told.id, told.severity) == ("dry-run", "info")
    assert what in told.what


def test_what_could_not_be_seen_is_no_finding(found: Found) -> None:
    state = State(secret_fault="cannot be seen")
    assert found(state=state, undone=(Undone("secret-missing", "no"),)) == {}


def test_without_mailboxes_desk_port_and_state_are_not_missed(
    found: Found, configure: Configure
) -> None:
    assert found(config=configure(""), desk=None, port=None, state=None) == {}


def test_errors_come_before_warnings_and_those_before_notes(
    healthy: Facts, configure: Configure
) -> None:
    facts = replace(
        healthy,
        config=configure(f"[dry_run]\nall = true\n{TOML}"),
        clock=Clock(synchronised=False),
        milter=Reached("unix:/m", errno.ENOENT),
    )
    assert [one.severity for one in examine(facts)] == ["error", "error", "warning", "info"]


def test_every_finding_has_its_row_in_the_documentation_and_no_other() -> None:
    sources = Path(checks.__file__).parent.glob("*.py")
    code = "\n".join(source.read_text() for source in sources)
    named = set(re.findall(r'Finding\(\s*"([a-z-]+)"', code))
    named |= set(re.findall(r'"([a-z]+-(?:down|permission))"', code))
    named |= {"port-filter", "port-strips", "port-open", "port-options", "configuration"}
    page = (ROOT / "docs/doctor.md").read_text()
    assert set(re.findall(r"(?m)^\| `([a-z-]+)`", page)) == named


def test_every_finding_of_the_documentation_is_provoked_by_a_test() -> None:
    page = (ROOT / "docs/doctor.md").read_text()
    tests = [*Path(__file__).parent.glob("*.py"), ROOT / "tests/e2e/test_doctor.py"]
    text = "\n".join(test.read_text() for test in tests)
    findings = re.findall(r"(?m)^\| `([a-z-]+)`", page)
    assert [one for one in findings if f'"{one}"' not in text and f"{one}: " not in text] == []


@pytest.mark.parametrize(
    ("listen", "findings"),
    [
        ("fd:3", []),
        ("unix:/var/spool/postfix/mailtriage/milter.sock", []),
        ("unix:/run/mailtriage/milter.sock", ["chroot"]),
        ("inet:127.0.0.1:8894", []),
    ],
)
def test_a_chrooted_smtpd_finds_the_socket_in_its_queue_directory(
    healthy: Facts, configure: Configure, listen: str, findings: list[str]
) -> None:
    """The printed entry, at Debian's port 25."""
    config = configure(f"[milter]\nlisten = '{listen}'\n")
    wanted = expected(config)
    main = {"queue_directory": "/var/spool/postfix", "smtpd_milters": wanted.milter.text}
    service = Service("smtp", "inet", chroot=True, program="smtpd")
    postfix = Postfix(main, main, (service,), {}, {})
    facts = replace(healthy, config=config, expected=wanted, postfix=postfix)
    assert [one.id for one in milter_address(facts)] == findings


def test_the_mailboxes_of_these_tests_are_answered(configure: Configure) -> None:
    assert configure(TOML).mailboxes.mailboxes[0].ack == "send"
