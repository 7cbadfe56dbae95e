"""master.cf: which services see mailtriage, and which must not."""

from collections.abc import Iterator
from typing import Final

from mailtriage.doctor.facts import Facts
from mailtriage.doctor.lists import entries
from mailtriage.doctor.model import Finding
from mailtriage.doctor.postconf import Service

_WORLD: Final = ("smtp", "25", "smtpd")
"""Names of the services that take mail from strangers: port 25, and smtpd behind postscreen."""
_OPTIONS: Final = "receive_override_options"


def unseen_services(facts: Facts) -> Iterator[Finding]:
    """service-milters: the settings of a service keep its mail from mailtriage."""
    postfix = facts.postfix
    if postfix is None:
        return
    if facts.ours(None) is None and not any(map(facts.ours, facts.smtpds())):
        return  # milter-missing says it of all
    for service in facts.smtpds():
        if service.loopback or facts.ours(service) is not None:
            continue
        world = service.name.rpartition(":")[2] in _WORLD
        there = entries(postfix.value(service, "smtpd_milters"))
        value = ", ".join([*there, "$mailtriage_milter"])
        command = facts.shell.set_for(service.key, "smtpd_milters", value)
        options = postfix.list_of(service, _OPTIONS)
        if "no_milters" in options:
            rest = ",".join(one for one in options if one != "no_milters")
            command = facts.shell.set_for(service.key, _OPTIONS, rest)
        yield Finding(
            "service-milters",
            "error" if world else "warning",
            f"mail at {service.key} does not pass mailtriage",
            "it is not tagged, and nobody is acknowledged"
            if world
            else "agents' answers are not seen there: a deferred acknowledgement goes out though"
            " somebody has answered",
            command,
        )


def tags_removed(facts: Facts) -> Iterator[Finding]:
    """reinjection: where a content filter hands mail in again, its tags are removed."""
    postfix = facts.postfix
    if postfix is None:
        return
    for service in facts.smtpds():
        if not _behind_a_filter(service):
            continue
        there = postfix.list_of(service, _OPTIONS)
        missing = []
        if facts.ours(service) is not None:
            missing.append("no_milters")
        if "no_header_body_checks" not in there and postfix.value(service, "header_checks"):
            missing.append("no_header_body_checks")
        if missing:
            what = " and ".join(
                {"no_milters": "mailtriage", "no_header_body_checks": "header_checks"}[one]
                for one in missing
            )
            yield Finding(
                "reinjection",
                "error",
                f"what the content filter hands in at {service.key} passes {what} again",
                "from 127.0.0.1 it counts as your own mail, and the tags are removed",
                facts.shell.set_for(service.key, _OPTIONS, ",".join([*there, *missing])),
            )


def _behind_a_filter(service: Service) -> bool:
    """Whether a content filter hands mail in there: it must not be filtered once more, so the
    service of this machine alone has an empty content_filter of its own (FILTER_README)."""
    options = service.options
    after = options.get("content_filter") == "" or options.get("smtpd_proxy_filter") == ""
    return service.loopback and after
