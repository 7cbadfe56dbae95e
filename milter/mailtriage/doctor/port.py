"""The port at which acknowledgements are handed in: it signs, and does not loop."""

from collections.abc import Iterator
from typing import Final

from mailtriage.doctor.desk import same_option
from mailtriage.doctor.facts import Facts, Postfix
from mailtriage.doctor.lists import milters
from mailtriage.doctor.model import Finding
from mailtriage.doctor.postconf import Service
from mailtriage.doctor.sockets import silent

_OWN: Final = {
    "smtpd_milters": "",
    "milter_default_action": "",
    "content_filter": "port-filter",
    "smtpd_proxy_filter": "port-filter",
    "receive_override_options": "port-strips",
    "mynetworks": "port-open",
    "smtpd_client_restrictions": "port-open",
    "smtpd_relay_restrictions": "port-open",
    "smtpd_recipient_restrictions": "port-open",
}
"""Settings whose absence has a finding of its own; "": one that is found by what it does."""
_WHY: Final = {
    "port-filter": "acknowledgements go through the content filter and may come round again",
    "port-strips": "header_checks remove the headers by which our own acknowledgements are known",
    "port-open": "others than this machine could send mail there, past all your restrictions",
    "port-options": "an acknowledgement may be refused, delayed, or be sent twice",
}
_DOWN: Final = "acknowledgements wait in the outbox"


def port_service(facts: Facts) -> Iterator[Finding]:
    """port-missing, and a finding for each setting that is not as it must be."""
    postfix, key = facts.postfix, facts.expected.port
    if postfix is None or not key:
        return
    service = postfix.service(key)
    if service is None:
        yield Finding(
            "port-missing",
            "error",
            f"master.cf has no smtpd at {facts.config.ack.submit.host}:"
            f"{facts.config.ack.submit.port} (ack.submit)",
            _DOWN,
            _again(facts),
        )
        return
    for name, value in facts.expected.options[key].items():
        found = _OWN.get(name, "port-options")
        there = postfix.value(service, name)
        if not found or same_option(there, value, facts.shell.directory):
            continue
        if found == "port-strips" and "no_header_body_checks" in there:
            found = "port-options"
        yield Finding(
            found,
            "warning" if found == "port-options" else "error",
            f"{name} at the port for acknowledgements is '{there}' and must be '{value}'",
            _WHY[found],
            facts.shell.rewire(),
        )


def port_loops(facts: Facts) -> Iterator[Finding]:
    """port-loops: acknowledgements pass mailtriage."""
    service = _service(facts)
    if service is not None and facts.ours(service) is not None:
        yield Finding(
            "port-loops",
            "error",
            f"mailtriage is among the milters of {service.key}, where acknowledgements are handed"
            " in",
            "it removes their headers, and an acknowledgement could lead to another",
            _only_signer(facts, service),
        )


def port_unsigned(facts: Facts) -> Iterator[Finding]:
    """port-unsigned: acknowledgements go out without DKIM."""
    service, postfix = _service(facts), facts.postfix
    if service is None or postfix is None:
        return
    signers = [one for one in facts.milters(service) if not facts.is_ours(one)]
    if not signers and facts.ours(service) is not None:
        return  # port-loops mends both
    if not signers:
        yield Finding(
            "port-unsigned",
            "error",
            "no milter signs acknowledgements with DKIM",
            "they have no envelope sender, so SPF says nothing for them: without a signature DMARC"
            " fails, and they are taken for spam",
            "# The milter that signs your mail; OpenDKIM mostly listens on 8891, rspamd on 11332:\n"
            + _only_signer(facts, service),
        )
        return
    general = postfix.value(service, "milter_default_action")
    lenient = [one for one in signers if one.settings.get("default_action", general) == "accept"]
    if lenient:
        yield Finding(
            "port-unsigned",
            "error",
            f"while {lenient[0].address} is down acknowledgements go out unsigned"
            " (default_action=accept)",
            "without a signature DMARC fails, and they are taken for spam; they had better wait",
            facts.shell.set_for(service.key, "milter_default_action", "tempfail"),
        )


def port_listens(facts: Facts) -> Iterator[Finding]:
    """port-down, signer-down: nothing takes acknowledgements, or nothing signs them."""
    if facts.port is None:
        return
    missing = facts.postfix is not None and facts.expected.port and _service(facts) is None
    if facts.port.error and missing:
        return  # port-missing says it
    # Without its signer the port answers with a temporary failure: signer-down says why.
    unsigned = any(signer.error for signer in facts.signers)
    if facts.port.error or not (facts.port.greeting or unsigned):
        yield Finding(
            "port-down",
            "error",
            f"the Postfix at {facts.port.place} (ack.submit) does not answer EHLO",
            _DOWN,
            f"postfix{f' -c {facts.shell.postfix}' if facts.shell.postfix else ''} reload",
        )
    for signer in facts.signers:
        yield from silent(signer, "signer-down", "the milter that signs acknowledgements", _DOWN)


def _service(facts: Facts) -> Service | None:
    postfix: Postfix | None = facts.postfix
    return postfix.service(facts.expected.port) if postfix and facts.expected.port else None


def _again(facts: Facts) -> str:
    """The wiring once more. The printed script keeps a signer only while a service names it."""
    signer = facts.postfix.main.get("mailtriage_signer", "") if facts.postfix else ""
    if signer:
        return facts.shell.rewire(signer)
    told = "# The milter that signs your mail; OpenDKIM mostly listens on 8891, rspamd on 11332:\n"
    return f"{told}{facts.shell.rewire('inet:127.0.0.1:8891')}"


def _only_signer(facts: Facts, service: Service) -> str:
    """The command by which the milter that signs is the only one."""
    known = milters(facts.postfix.main.get("mailtriage_signer", "")) if facts.postfix else []
    alone = facts.shell.set_for(service.key, "smtpd_milters", "$mailtriage_signer")
    if known and not any(map(facts.is_ours, known)):
        return alone
    return f"{facts.shell.set_main('mailtriage_signer', 'inet:127.0.0.1:8891')}\n{alone}"
