#!/usr/bin/env python3
"""Makes the filters by which Zammad reads mailtriage's headers, through Zammad's API.

Zammad calls them postmaster filters. Its pages cannot make these: they offer a list of headers
without ours. Run it on any machine that reaches Zammad; Python 3.11 and nothing else is needed.

    ZAMMAD_TOKEN=... ./filters.py https://zammad.desk.example            # says what it would do
    ZAMMAD_TOKEN=... ./filters.py --apply https://zammad.desk.example    # does it

A filter is known again by its name. Run it as often as you like: what is there and right is left
alone, what differs is set right, and whether a filter is active stays as you have set it. Nothing
is ever deleted; filters of ours that are no longer wanted are named, for you to delete.

The token comes from the environment (ZAMMAD_TOKEN) or from a file (--token-file), never from the
command line, where every user of the machine could read it.
"""

import argparse
import http.client
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "mailtriage "
LANGUAGES = ("da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")
PRIORITIES = {"urgent": "3 high", "high": "3 high", "normal": "2 normal", "low": "1 low"}
RAISED = ("urgent", "high")
"""What mail in a ticket that exists may raise its priority to. Nothing lowers it."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIMEOUT = 30.0
"""Seconds for one answer of Zammad."""

# Zammad sets an attribute by its id: a name would lose against the group of the channel, which
# Zammad 7 fills in before any filter is asked (Channel::Filter::IdentifyGroup).
GROUP = "x-zammad-ticket-group_id"
PRIORITY = "x-zammad-ticket-priority_id"
RAISE = "x-zammad-ticket-followup-priority_id"
TAGS = "x-zammad-ticket-tags"
FOLLOWUP_TAGS = "x-zammad-ticket-followup-tags"

Filter = dict[str, Any]


class RefusedError(Exception):
    """What the administrator has to look at; the message says what."""


@dataclass(frozen=True)
class Zammad:
    """One installation, and who we are there."""

    url: str
    token: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to the API, and its answer. Raises RefusedError.

        Never follows a redirect: the token would go with it, to wherever it points.
        """
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        if not parts.hostname or not (secure or parts.scheme == "http"):
            raise RefusedError(
                f"{self.url} is no address of a web server: https://zammad.desk.example"
            )
        if not secure and parts.hostname not in LOOPBACK:
            raise RefusedError(f"{self.url}: the token would cross the network in clear; use https")
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)
        headers = {
            "Authorization": f"Token token={self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        target = f"{parts.path.rstrip('/')}/api/v1/{path}"
        try:
            connection.request(method, target, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(f"no answer from {self.url}: {error}") from error
        finally:
            connection.close()
        return _answer(answer, text, f"{method} {path}")


def _answer(answer: http.client.HTTPResponse, text: str, request: str) -> Any:
    if 300 <= answer.status < 400:
        where = answer.getheader("Location", "elsewhere")
        raise RefusedError(f"Zammad sends us to {where}; give the address where it really is")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if answer.status >= 400:
        why = found.get("error", "") if isinstance(found, dict) else ""
        hint = " (has the token the permissions that README.md names?)"
        hint = hint if answer.status in (401, 403) else ""
        raise RefusedError(f"{request}: {answer.status} {answer.reason} {why}{hint}")
    if found is None:
        raise RefusedError(f"{request}: the answer is not Zammad's; is this its address?")
    return found


def wanted(
    priorities: Mapping[str, str], groups: Mapping[str, str], languages: Sequence[str]
) -> list[Filter]:
    """The filters. `priorities`: our word to the id of Zammad's; `groups`: a skill, or
    skill-language, to the id of its group.

    All ask for "contains" in the summary line, where each item is closed by ";", for that works in
    every version: other operators came later. Zammad runs filters in the order of their names and
    the last one wins, so a group for a skill in one language (30) comes behind that for the skill
    in any (20).
    """
    found = []
    for word in PRIORITIES:
        perform = {PRIORITY: {"value": priorities[word]}}
        if word in RAISED:
            perform[RAISE] = {"value": priorities[word]}
        found.append(_filter(f"10 priority {word}", f"prio={word};", perform))
    for route, group in groups.items():
        skill, language = split_route(route, languages)
        number = "30" if language else "20"
        asks = f"lang={language}; skill={skill};" if language else f" skill={skill};"
        found.append(_filter(f"{number} group {route}", asks, {GROUP: {"value": group}}))
    found += [_tag(f"40 language {word}", f"lang={word};", f"mt-{word}") for word in languages]
    found += [_tag(f"40 tier {word}", f"tier={word};", f"mt-{word}") for word in ("vip", "gold")]
    found.append(_tag("40 churn high", "churn=high;", "mt-churn-high"))
    # Where a rule forbids to acknowledge a mail, Zammad must not do it either.
    found += [
        _tag(f"50 silent {word}", f"ack={word};", "mt-silent") for word in ("sent", "skipped")
    ]
    chaser = _tag("60 chaser", "chaser", "mt-chaser", FOLLOWUP_TAGS)
    chaser["match"] = {"x-mailtriage-thread": {"operator": "contains", "value": "chaser"}}
    return [*found, chaser]


def _filter(name: str, summary: str, perform: Mapping[str, Any]) -> Filter:
    return {
        "name": PREFIX + name,
        "channel": "email",
        "match": {"x-mailtriage": {"operator": "contains", "value": summary}},
        "perform": dict(perform),
        "note": "Made by mailtriage's filters.py, which sets it right again.",
    }


def _tag(name: str, summary: str, tag: str, key: str = TAGS) -> Filter:
    return _filter(name, summary, {key: {"operator": "add", "value": tag}})


def split_route(route: str, languages: Sequence[str]) -> tuple[str, str]:
    """ "billing-de" as skill and language; the language is empty for a skill alone."""
    skill, hyphen, language = route.rpartition("-")
    return (skill, language) if hyphen and language in languages else (route, "")


def run(zammad: Zammad, options: argparse.Namespace) -> None:
    """Compare, say, and with --apply do.

    Raises RefusedError; when Zammad does not know a name, before anything is changed.
    """
    priorities = dict(PRIORITIES) | dict(options.priority)
    unknown = set(priorities) - set(PRIORITIES)
    if unknown:
        raise RefusedError(f"no priority of mailtriage: {', '.join(sorted(unknown))}")
    levels = _ids(zammad, "ticket_priorities", priorities)
    groups = _ids(zammad, "groups", dict(options.group)) if options.group else {}
    there = {each["name"]: each for each in zammad.call("GET", "postmaster_filters")}
    filters = wanted(levels, groups, tuple(options.language or LANGUAGES))
    changes = 0
    for each in filters:
        name = each["name"]
        found = there.get(name)
        if found is not None and _same(each, found):
            _say(f"right   {name}")
            continue
        changes += 1
        if found is None:
            _say(f"make    {name}")
            if options.apply:
                zammad.call("POST", "postmaster_filters", {**each, "active": True})
        else:
            _say(f"change  {name}")
            if options.apply:
                zammad.call("PUT", f"postmaster_filters/{int(found['id'])}", each)
    names = {each["name"] for each in filters}
    for name in sorted(name for name in there if name.startswith(PREFIX) and name not in names):
        _say(f"unasked {name}: no longer wanted; delete it in Zammad if you agree")
    if not options.apply and changes:
        _say(f"Nothing was changed. With --apply {changes} filters would be.")


def _ids(zammad: Zammad, what: str, names: Mapping[str, str]) -> dict[str, str]:
    """Names to the ids that Zammad has for them. Raises RefusedError with the names it has."""
    there = {each["name"]: each for each in zammad.call("GET", what)}
    for name in names.values():
        if name not in there:
            known = ", ".join(sorted(there))
            raise RefusedError(f"Zammad has no '{name}' among its {what}; it has {known}")
        if there[name].get("active") is False:
            raise RefusedError(f"'{name}' among Zammad's {what} is not active")
    return {key: str(there[name]["id"]) for key, name in names.items()}


def _same(ours: Filter, theirs: Mapping[str, Any]) -> bool:
    keys = ("channel", "match", "perform")
    return all(_plain(ours[key]) == _plain(theirs.get(key)) for key in keys)


def _plain(value: Any) -> Any:
    """Ids come back as texts or as numbers, depending on who wrote them."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return str(value)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _pair(text: str) -> tuple[str, str]:
    left, sign, right = text.partition("=")
    if not (left and sign and right):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form billing-de=Abrechnung")
    return left, right


def _token(options: argparse.Namespace) -> str:
    if options.token_file is None:
        token = os.environ.get("ZAMMAD_TOKEN", "")
    else:
        try:
            token = options.token_file.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise RefusedError(f"{options.token_file}: {error}") from error
    token = token.strip()
    if not token or not token.isprintable() or not token.isascii():
        raise RefusedError(
            "no token: set ZAMMAD_TOKEN, or name a file that has it with --token-file"
        )
    return str(token)


def main() -> int:
    """The command line. 0: done; 1: refused, with the reason on standard error."""
    parser = argparse.ArgumentParser(description="Zammad's filters for mailtriage's headers.")
    parser.add_argument("url", help="address of Zammad, https://zammad.desk.example")
    parser.add_argument("--apply", action="store_true", help="do it; without it, only say it")
    parser.add_argument("--token-file", type=Path, help="file with the token of the API")
    parser.add_argument(
        "--group", type=_pair, action="append", default=[], metavar="SKILL[-LANGUAGE]=GROUP",
        help="send a skill into a group: billing=Billing, billing-de=Abrechnung",
    )  # fmt: skip
    parser.add_argument(
        "--priority", type=_pair, action="append", default=[], metavar="WORD=PRIORITY",
        help="another priority of Zammad's: 'urgent=4 critical'",
    )  # fmt: skip
    parser.add_argument(
        "--language", action="append", metavar="CODE", help="tag these languages only; repeat it"
    )
    options = parser.parse_args()
    try:
        run(Zammad(options.url, _token(options)), options)
    except RefusedError as refused:
        sys.stderr.write(f"filters.py: {refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
