"""Finished mails as Zammad reads them, trusted and not, and the script that makes its filters."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mailtriage.shipped import shipped_directory
from mailtriage.tags.vocabulary import NAMES
from tests.helpdesks.finished import GERMAN, LEVELS, NORMAL, URGENT, desk, finished
from tests.helpdesks.product import Ticket
from tests.helpdesks.products import zammad
from tests.support.office import HELP, JOE, letter

FOLDER = shipped_directory("config") / "helpdesks" / "zammad-untrusted"
SCRIPT = FOLDER / "filters.py"
TOKEN = "a-token-of-the-tests"
WORDS = {"urgent": "3 high", "high": "3 high", "normal": "2 normal", "low": "1 low"}
FORGED = "\n".join(
    f"{name}: {value}"
    for name, value in {
        "X-Zammad-Ticket-Priority": "1 low",
        "x-zammad-ticket-group": "Users",
        "X-ZAMMAD-Ticket-FollowUp-State": "closed",
        "X-Zammad-Ticket-Id": "1",
        "X-Zammad-Session-User-Id": "1",
        "X-Zammad-Ignore": "true",
        "X-Zammad-Is-Auto-Response": "true",
        "X-Zammad-Ticket-Tags": "mt-silent",
        "X-Mailtriage": "v=1; prio=low; lang=de; skill=sales; ack=sent;",
        "X-Mailtriage-Thread": "chaser",
    }.items()
)


def trusted(raw: bytes, settings: str = zammad.SETTINGS, **mailbox: object) -> zammad.Mail:
    """The hash that Zammad makes of a mail on a channel that it trusts."""
    return zammad.read(finished("zammad", raw, settings, **mailbox), trusted=True)


@pytest.mark.parametrize("level", WORDS)
@pytest.mark.parametrize("product", zammad.PRODUCTS, ids=lambda product: str(product.profile))
def test_each_priority_is_one_that_zammad_has(product: Any, level: str) -> None:
    mail = finished(product.profile, LEVELS[level], product.settings)
    assert product.take(mail, HELP).priority == WORDS[level]


@pytest.mark.parametrize("product", zammad.PRODUCTS, ids=lambda product: str(product.profile))
def test_a_group_for_one_language_goes_before_that_of_the_skill(product: Any) -> None:
    queues = [
        product.take(finished(product.profile, raw, product.settings), HELP).queue
        for raw in (NORMAL, GERMAN)
    ]
    assert queues == ["Billing", "Abrechnung"]


def test_without_a_map_no_group_is_named() -> None:
    assert "x-zammad-ticket-group" not in trusted(GERMAN, "")


def test_a_skill_that_the_map_does_not_have_gets_the_default_group() -> None:
    assert trusted(URGENT)["x-zammad-ticket-group"] == "Users"


def test_a_skill_without_a_group_stays_where_the_channel_puts_it() -> None:
    only_billing = '[profiles.zammad.map.queue]\nbilling = "Billing"\n'
    assert "x-zammad-ticket-group" not in trusted(URGENT, only_billing)
    assert trusted(GERMAN, only_billing)["x-zammad-ticket-group"] == "Billing"


def test_a_group_with_an_umlaut_arrives_whole() -> None:
    settings = '[profiles.zammad.map.queue]\ndefault = "Rückfragen & Wünsche"\n'
    assert trusted(GERMAN, settings)["x-zammad-ticket-group"] == "Rückfragen & Wünsche"


def test_language_tier_and_churn_are_attributes_that_trust_rb_makes() -> None:
    mail = trusted(GERMAN)
    found = {name: mail[f"x-zammad-ticket-{name}"] for name in zammad.ATTRIBUTES}
    assert found == {"triage_language": "de", "triage_tier": "standard", "triage_churn": "low"}
    script = (shipped_directory("config") / "helpdesks/zammad/trust.rb").read_text("utf-8")
    assert all(f'"{name}"' in script for name in zammad.ATTRIBUTES)


@pytest.mark.parametrize(
    ("version", "tags"), [("", ()), ("6.5", ()), ("7.0", ("mt-billing", "mt-de"))]
)
def test_tags_go_only_to_a_version_that_does_not_break_on_them(
    version: str, tags: tuple[str, ...]
) -> None:
    settings = f'[profiles.zammad]\nversion = "{version}"\n' if version else ""
    assert zammad.tags(trusted(GERMAN, settings)) == tags


def test_a_follow_up_can_raise_the_priority_and_never_lowers_it() -> None:
    raised = {
        level: zammad.attribute(trusted(raw), "priority", zammad.PRIORITIES, followup=True)
        for level, raw in LEVELS.items()
    }
    assert raised == {"urgent": "3 high", "high": "3 high", "normal": "", "low": ""}


def test_a_chaser_is_tagged_in_the_ticket_that_it_asks_about() -> None:
    chaser = letter(
        "I am still waiting for an answer to my mail of last week.\n",
        subject="Re: Invoice",
        more="In-Reply-To: <m0@customer.example>\nReferences: <m0@customer.example>",
    )
    assert zammad.tags(trusted(chaser), followup=True) == ("mt-chaser",)
    assert zammad.tags(trusted(NORMAL), followup=True) == ()


def test_of_two_fields_zammad_takes_the_last() -> None:
    assert zammad.headers(b"X-A: first\r\nX-a: last\r\n\r\n")["x-a"] == "last"


@pytest.mark.parametrize("product", zammad.PRODUCTS, ids=lambda product: str(product.profile))
def test_what_a_stranger_writes_changes_nothing(product: Any) -> None:
    body = "Smoke comes out of the charger that you delivered, the house is full of it!\n"
    forged = letter(body, subject="Charger on fire", more=FORGED)
    mails = [finished(product.profile, raw, product.settings) for raw in (URGENT, forged)]
    reads = [zammad.read(mail, trusted=product is zammad.PRODUCT) for mail in mails]
    for read in reads:
        read.pop("x-mailtriage-seal")
    assert reads[0] == reads[1]


@pytest.mark.parametrize("product", zammad.PRODUCTS, ids=lambda product: str(product.profile))
def test_zammad_leaves_the_acknowledging_to_us_and_takes_nobody_for_a_robot(product: Any) -> None:
    is_trusted = product is zammad.PRODUCT
    ours = finished(product.profile, NORMAL, product.settings)
    assert not zammad.acknowledges(ours, trusted=is_trusted)
    assert not product.take(ours, HELP).robot
    delegated = finished(product.profile, NORMAL, product.settings, ack="delegate")
    assert zammad.acknowledges(delegated, trusted=is_trusted)


@pytest.mark.parametrize("product", zammad.PRODUCTS, ids=lambda product: str(product.profile))
def test_where_a_rule_forbids_to_acknowledge_zammad_does_not_either(product: Any) -> None:
    numbered = letter(
        "Here is the invoice that you asked for.\n", subject="Re: [desk #4711] Invoice"
    )
    mail = finished(product.profile, numbered, product.settings)
    assert zammad.headers(mail)["x-mailtriage-ack"] == "skipped"
    assert not zammad.acknowledges(mail, trusted=product is zammad.PRODUCT)


def test_our_acknowledgement_is_taken_for_automatic() -> None:
    ours = desk("zammad", zammad.SETTINGS).acknowledgement(NORMAL)
    assert ours
    assert zammad.take(ours, HELP).robot
    assert not zammad.acknowledges(ours)


def test_an_answer_to_our_acknowledgement_has_the_subject_that_zammad_asks_for() -> None:
    first = finished("zammad", NORMAL, zammad.SETTINGS)
    ours = zammad.headers(desk("zammad", zammad.SETTINGS).acknowledgement(NORMAL))
    ticket = Ticket(first, "31001", JOE)
    answer = letter(
        "Thank you.\n",
        subject=ours["subject"],
        message_id="<m2@customer.example>",
        more=f"References: {ours['references']} {ours['message-id']}",
    )
    assert zammad.joins(answer, ticket)
    renamed = letter("Thank you.\n", subject="Re: Other", more=f"References: {ours['references']}")
    assert not zammad.joins(renamed, ticket)


# ---- filters.py, against a server of our own --------------------------------------------------
# No Zammad can be installed here. This server keeps what it is given and answers in the shape of
# app/controllers/postmaster_filters_controller.rb: a list, and objects with an id.


@dataclass
class Server:
    """What the server has, and what it was asked."""

    url: str = ""
    filters: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    status: int = 200
    location: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    with _serving() as found:
        yield found


@contextmanager
def _serving() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, found = _handle(state, method, self.path, body, self.headers["Authorization"])
            data = json.dumps(found).encode()
            self.send_response(status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    try:
        yield state
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def _handle(state: Server, method: str, path: str, body: bytes, login: str) -> tuple[int, Any]:
    state.asked.append(f"{method} {path}")
    if state.status != 200:
        return state.status, {"error": "Not authorized"}
    if login != f"Token token={TOKEN}":
        return 401, {"error": "Invalid BasicAuth credentials"}
    named = {"groups": zammad.GROUPS, "ticket_priorities": zammad.PRIORITIES}
    what = path.removeprefix("/api/v1/")
    if what in named:
        return 200, [{"id": int(i), "name": n, "active": True} for n, i in named[what].items()]
    if method == "GET" and what == "postmaster_filters":
        return 200, state.filters
    given = json.loads(body)
    if method == "POST" and what == "postmaster_filters":
        state.changes.append(f"POST {given['name']}")
        state.filters.append({**given, "id": len(state.filters) + 1, "created_by_id": 3})
        return 201, state.filters[-1]
    found = next(each for each in state.filters if what == f"postmaster_filters/{each['id']}")
    state.changes.append(f"PUT {given['name']}")
    found.update(given)
    return 200, found


def run(*arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """The script, as an administrator runs it."""
    environment = {**os.environ, "ZAMMAD_TOKEN": token}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


GROUPS = ("--group", "billing=Billing", "--group", "billing-de=Abrechnung")


def test_without_apply_nothing_is_changed(server: Server) -> None:
    done = run(*GROUPS, server.url)
    assert done.returncode == 0, done.stderr
    assert "make    mailtriage 10 priority urgent\n" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert not server.changes


def test_what_is_made_is_what_the_product_tests_read(server: Server) -> None:
    assert run("--apply", *GROUPS, server.url).returncode == 0
    levels = {word: zammad.PRIORITIES[name] for word, name in WORDS.items()}
    groups = {route: zammad.GROUPS[name] for route, name in zammad.ROUTES.items()}
    expected = zammad.filters().wanted(levels, groups, zammad.filters().LANGUAGES)
    made = [{key: each[key] for key in expected[0]} for each in server.filters]
    assert made == expected
    assert all(each["active"] is True for each in server.filters)


def test_a_second_run_changes_nothing(server: Server) -> None:
    run("--apply", *GROUPS, server.url)
    server.changes.clear()
    again = run("--apply", *GROUPS, server.url)
    assert again.returncode == 0
    assert not server.changes
    assert {line.split()[0] for line in again.stdout.splitlines()} == {"right"}


def test_ids_as_numbers_are_no_difference(server: Server) -> None:
    run("--apply", server.url)
    for each in server.filters:
        for change in each["perform"].values():
            change["value"] = int(change["value"]) if change["value"].isdigit() else change["value"]
    server.changes.clear()
    run("--apply", server.url)
    assert not server.changes


def test_what_was_changed_by_hand_is_set_right_and_stays_switched_off(server: Server) -> None:
    run("--apply", server.url)
    first = server.filters[0]
    first["match"] = {"from": {"operator": "contains", "value": "x"}}
    first["active"] = False
    server.changes.clear()
    run("--apply", server.url)
    assert server.changes == [f"PUT {first['name']}"]
    assert "x-mailtriage" in first["match"]
    assert first["active"] is False


def test_filters_of_others_are_left_alone_and_old_ones_of_ours_are_named(server: Server) -> None:
    others = {"id": 90, "name": "spam", "match": {}, "perform": {}, "channel": "email"}
    old = {**others, "id": 91, "name": "mailtriage 20 group gone"}
    server.filters = [dict(others), dict(old)]
    done = run("--apply", server.url)
    assert server.filters[:2] == [others, old]
    assert "unasked mailtriage 20 group gone" in done.stdout
    assert "spam" not in done.stdout


def test_an_unknown_group_is_refused_before_anything_is_changed(server: Server) -> None:
    done = run("--apply", "--group", "billing=Biling", server.url)
    assert done.returncode == 1
    assert "no 'Biling' among its groups; it has Abrechnung, Billing, Users" in done.stderr
    assert not server.changes


@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_zammad_refuses_is_said_without_the_token(server: Server, status: int) -> None:
    server.status = status
    done = run("--apply", server.url)
    assert done.returncode == 1
    assert f"GET ticket_priorities: {status}" in done.stderr
    assert TOKEN not in done.stderr + done.stdout


def test_a_redirect_is_not_followed_with_the_token(server: Server) -> None:
    with _serving() as elsewhere:
        server.status, server.location = 302, f"{elsewhere.url}/api/v1/groups"
        done = run("--apply", server.url)
    assert done.returncode == 1
    assert elsewhere.url in done.stderr
    assert server.asked
    assert not elsewhere.asked


def test_the_token_does_not_cross_a_network_in_clear() -> None:
    done = run("http://zammad.desk.example")
    assert done.returncode == 1
    assert "in clear" in done.stderr


def test_the_token_may_come_from_a_file_and_must_come_from_somewhere(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert run("--token-file", str(file), server.url, token="").returncode == 0
    without = run(server.url, token="")
    assert without.returncode == 1
    assert "no token" in without.stderr


def test_filters_ask_only_for_headers_that_we_send() -> None:
    levels = dict.fromkeys(WORDS, "1")
    filters = zammad.filters().wanted(levels, {"billing-de": "1"}, ("de",))
    asked = {name for each in filters for name in each["match"]}
    assert asked <= {name.lower() for name in NAMES}


def test_the_languages_are_those_in_which_we_acknowledge() -> None:
    texts = {file.stem for file in (shipped_directory("policies") / "acks").glob("*.toml")}
    assert set(zammad.filters().LANGUAGES) == texts
