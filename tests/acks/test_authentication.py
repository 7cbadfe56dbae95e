"""Authentication-Results as servers really write them, and as attackers do."""

import time
from pathlib import Path

import pytest

from mailtriage.acks import results
from mailtriage.acks.authentication import (
    MAX_FIELDS,
    dkim_passes,
    dmarc_passes,
    read_authentication,
    sealed_authentication,
    spf_passes,
)
from mailtriage.acks.border import own_part, received_by
from mailtriage.acks.model import Authentication, MethodResult
from mailtriage.acks.results import MAX_FIELD, parse_results
from mailtriage.config import Config, load
from mailtriage.mail.model import Envelope, Headers, Mail
from mailtriage.mail.read import read_message

SETTINGS = """\
[authentication]
trusted_authserv_ids = ["mx.desk.example", "filter.desk.example"]
own_hosts = ["inner.desk.example"]
trusted_arc_sealers = ["lists.example"]
"""

PASS = "spf=pass smtp.mailfrom=joe@customer.example"

# What each program writes behind its authserv-id, folded as it folds; the results are those of one
# mail of joe@customer.example each time, for which SPF, DKIM and DMARC pass.
WRITTEN_BY = {
    "rspamd": """mx.desk.example;
\tdkim=pass header.d=customer.example header.s=s1 header.b=V4tFgRkq;
\tdmarc=pass (policy=reject) header.from=customer.example;
\tspf=pass (mx.desk.example: domain of joe@customer.example designates 198.51.100.7 as permitted sender) smtp.mailfrom=joe@customer.example;
\tarc=none""",
    "policyd-spf": """mx.desk.example; spf=pass (sender SPF authorized)
 smtp.mailfrom=customer.example (client-ip=198.51.100.7; helo=mail.customer.example;
 envelope-from=joe@customer.example; receiver=desk.example)""",
    "opendkim": """mx.desk.example;
\tdkim=pass (2048-bit key; unprotected) header.d=customer.example header.i=@customer.example header.a=rsa-sha256 header.s=s1 header.b=V4tFgRkq;
\tdkim-atps=neutral""",
    "opendmarc": """mx.desk.example; dmarc=pass (p=reject dis=none) header.from=customer.example""",
    "amavis": """mx.desk.example (amavisd-new);
\tdkim=pass (2048-bit key) header.d=customer.example""",
    "microsoft": """mx.desk.example; spf=pass (sender IP is 198.51.100.7)
 smtp.mailfrom=customer.example; dkim=pass (signature was verified)
 header.d=customer.example;dmarc=pass action=none
 header.from=customer.example;compauth=pass reason=100""",
    "microsoft with the bare domain of the tenant": """mx.desk.example; spf=pass (sender IP is 198.51.100.7)
 smtp.mailfrom=customer.example; tenant.example; dkim=pass (signature was
 verified) header.d=customer.example;tenant.example; dmarc=pass action=none
 header.from=customer.example;""",
    "gmail": """mx.desk.example;
       dkim=pass header.i=@customer.example header.s=20230601 header.b=fT3YkP+/;
       spf=pass (mx.desk.example: domain of joe@customer.example designates 198.51.100.7 as permitted sender) smtp.mailfrom=joe@customer.example;
       dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=customer.example;
       dara=pass header.i=@desk.example""",
    "fastmail": """mx.desk.example;
    arc=none (no signatures found);
    dkim=pass (2048-bit rsa key sha256) header.d=customer.example
      header.i=@customer.example header.b=V4tFgRkq header.a=rsa-sha256
      header.s=s1 x-bits=2048;
    dmarc=pass policy.published-domain-policy=reject
      policy.applied-disposition=none policy.evaluated-disposition=none
      (p=reject,d=none,d.eval=none) policy.policy-from=p
      header.from=customer.example;
    iprev=pass smtp.remote-ip=2001:db8::7 (mail.customer.example);
    spf=pass smtp.mailfrom=joe@customer.example
      smtp.helo=mail.customer.example;
    x-tls=pass smtp.version=TLSv1.3 smtp.cipher=TLS_AES_256_GCM_SHA384
      smtp.bits=256/256""",
    "exim": """mx.desk.example;
\tiprev=pass (mail.customer.example) smtp.remote-ip=198.51.100.7;
\tspf=pass smtp.mailfrom=customer.example;
\tdkim=pass header.d=customer.example header.s=s1 header.a=rsa-sha256;
\tdmarc=pass header.from=customer.example;
\tarc=none""",
    "halon": """mx.desk.example 1; iprev=pass policy.iprev=2001:db8::7;
 spf=pass smtp.mailfrom="joe@customer.example" ; dkim=pass header.d="customer.example"; dmarc=pass header.from="customer.example" """,
    "courier": """mx.desk.example; dkim=pass header.d=customer.example; spf=pass smtp.helo=mail.customer.example;
  spf=pass smtp.mailfrom=<joe@customer.example>""",
}
WITHOUT_SPF = {"opendkim", "opendmarc", "amavis"}
WITHOUT_DKIM = {"policyd-spf", "opendmarc"}
WITHOUT_DMARC = {"policyd-spf", "opendkim", "amavis", "courier"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    file = Path(tmp_path_factory.mktemp("config")) / "mailtriage.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    return load([file]).config


def read(config: Config, *fields: str, sender: str = "joe@customer.example") -> Authentication:
    return read_authentication(mail(*fields, sender=sender), config)


def mail(*fields: str, sender: str = "joe@customer.example") -> Mail:
    header = "".join(
        f"{field}\n"
        if field.startswith(("Received:", "ARC-"))
        else f"Authentication-Results: {field}\n"
        for field in fields
    )
    text = f"{header}From: Joe <joe@customer.example>\nTo: help@desk.example\n\nHello\n"
    return read_message(text.encode(), envelope=Envelope(sender, ("help@desk.example",)))


@pytest.mark.parametrize("program", WRITTEN_BY)
def test_what_programs_write_is_understood(config: Config, program: str) -> None:
    found = read(config, WRITTEN_BY[program])
    assert found.trusted
    assert spf_passes(found, "customer.example") == (program not in WITHOUT_SPF)
    assert dkim_passes(found, "customer.example") == (program not in WITHOUT_DKIM)
    assert dmarc_passes(found, "customer.example") == (program not in WITHOUT_DMARC)
    for domain in ("tenant.example", "desk.example", "victim.example", "example", ""):
        assert not spf_passes(found, domain)
        assert not dkim_passes(found, domain)
        assert not dmarc_passes(found, domain)


def test_fields_of_several_milters_add_up(config: Config) -> None:
    found = read(config, *(WRITTEN_BY[name] for name in ("opendmarc", "opendkim", "policyd-spf")))
    assert found.spf == MethodResult("pass", "customer.example")
    assert found.dkim == (MethodResult("pass", "customer.example"),)
    assert found.dmarc == MethodResult("pass", "customer.example")


def test_of_two_fields_that_contradict_the_upper_counts(config: Config) -> None:
    no = "filter.desk.example; spf=softfail smtp.mailfrom=joe@customer.example"
    for upper, result in ((no, "softfail"), (f"mx.desk.example; {PASS}", "pass")):
        found = read(config, upper, no, f"mx.desk.example; {PASS}")
        assert found.spf == MethodResult(result, "customer.example")


def test_every_signature_is_there(config: Config) -> None:
    found = read(
        config,
        "mx.desk.example; dkim=pass header.d=ESP.example; dkim=fail header.d=customer.example.;"
        " dkim=none; dkim=pass header.i=joe@Müller.example",
    )
    assert found.dkim == (
        MethodResult("pass", "esp.example"),
        MethodResult("fail", "customer.example"),
        MethodResult("none", ""),
        MethodResult("pass", "xn--mller-kva.example"),
    )


def test_the_null_reverse_path_is_checked_by_the_greeting(config: Config) -> None:
    found = read(config, "mx.desk.example; spf=pass smtp.helo=Mail.Customer.example", sender="")
    assert found.spf == MethodResult("pass", "mail.customer.example")


def test_without_a_trusted_server_nothing_is_known(tmp_path: Path) -> None:
    file = tmp_path / "mailtriage.toml"
    file.write_text("", encoding="utf-8")
    assert read(load([file]).config, f"mx.desk.example; {PASS}") == Authentication()


@pytest.mark.parametrize(
    "clause",
    [
        "spf=pass smtp.mailfrom=customer.example(.evil.example)",
        "spf=pass smtp.mailfrom=evil.example smtp.mailfrom=customer.example",
        "spf=pass smtp.mailfrom=customer.example@evil.example",
        "spf=pass tls.mailfrom=customer.example",
        "spf=pass mailfrom=customer.example",
        "spf=pass (smtp.mailfrom=customer.example)",
        'spf=pass reason="smtp.mailfrom=customer.example"',
        "spf=pass smtp.mailfrom=evil.example\x0bsmtp.mailfrom=customer.example",
        "spf=pass smtp.mailfrom=customer.example\x00.evil.example",
        "spf=pass smtp.mailfrom=customer.example" + ".evil" * 300,
        'spf=pass smtp.mailfrom="customer.example',
        "spf=passed smtp.mailfrom=customer.example",
        "spf=fail (=pass) smtp.mailfrom=customer.example",
        "spf=fail; xspf=pass smtp.mailfrom=customer.example",
        "spf=fail smtp.mailfrom=customer.example; spf=pass smtp.mailfrom=customer.example",
        "none; spf",
        "spf",
        "",
    ],
)
def test_what_is_dubious_authenticates_nobody(config: Config, clause: str) -> None:
    assert not spf_passes(read(config, f"mx.desk.example; {clause}"), "customer.example")


@pytest.mark.parametrize("result", ["fail", "pass"])
def test_a_result_counts_when_its_properties_cannot_be_read(config: Config, result: str) -> None:
    found = read(config, f"mx.desk.example; dmarc={result} header.from=@@ : what;; {PASS}; x==")
    assert found.dmarc == MethodResult(result, "")
    assert found.spf == MethodResult("pass", "customer.example")


def test_a_reverse_path_that_ends_the_comment_it_is_copied_into(config: Config) -> None:
    sender = '"x) smtp.mailfrom=victim.example; dkim=pass header.d=victim.example (y"@evil.example'
    copied = f"mx.desk.example; spf=none (domain of {sender}) smtp.mailfrom=evil.example"
    found = read(config, copied, sender=sender)
    assert found.trusted
    assert not dkim_passes(found, "victim.example")
    # As it would be for anybody else: what makes it dangerous is that the sender wrote it.
    assert dkim_passes(read(config, copied), "victim.example")


def test_a_huge_field_says_nothing_and_hides_nothing(config: Config) -> None:
    huge = f"mx.desk.example; {PASS}; x=y ({'a' * MAX_FIELD})"
    assert not read(config, huge).trusted
    assert read(config, huge, f"mx.desk.example; {PASS}").spf is not None


def test_fields_beyond_the_bound_are_not_looked_at(config: Config) -> None:
    strangers = ["mx.evil.example; none"] * (MAX_FIELDS - 1)
    good = f"mx.desk.example; {PASS}"
    assert read(config, *strangers, good).trusted
    assert not read(config, *strangers, strangers[0], good).trusted


@pytest.mark.parametrize(
    "filler",
    ["(", "((a)", '"', '\\"', "; dkim=pass", " header.d=a.b", "a.", " =", "é", "; a.b=(", "(a\\)"],
)
@pytest.mark.alone
def test_the_cost_of_a_hostile_field_grows_with_its_size_alone(filler: str) -> None:
    def cost(size: int) -> float:
        raw = (b"mx.desk.example; spf=pass " + filler.encode() * size)[:size]
        best = 1.0
        for _ in range(3):
            results._parse_one.cache_clear()
            began = time.process_time()
            parse_results(raw)
            best = min(best, time.process_time() - began)
        return best

    small, large = cost(1000), cost(8000)
    # Eight times the size: linear is 8, quadratic 64.
    assert large < 40 * max(small, 0.0001)


@pytest.mark.parametrize(
    ("written", "server"),
    [
        (
            "from a.example (b.example [192.0.2.1]) by MX.desk.example (Postfix) with ESMTP",
            "mx.desk.example",
        ),
        ("by mx.desk.example. (Postfix, from userid 33) id 4", "mx.desk.example"),
        ("from a\n\t(b [192.0.2.1])\n\tby mx.desk.example; Mon, 23 Nov 2026", "mx.desk.example"),
        ("from a (HELO by mx.desk.example) (b) by c.example with SMTP", "c.example"),
        ("from x by mx.desk.example by c.example", ""),
        ("from by mx.desk.example by c.example", ""),
        ("from by by mx.desk.example", ""),
        ("from a (by mx.desk.example", ""),
        ("(qmail 12 invoked from network); by mx.desk.example", ""),
        ("from a with ESMTP; by mx.desk.example", ""),
        ("", ""),
    ],
)
def test_who_wrote_a_received_field(written: str, server: str) -> None:
    assert received_by(written.encode()) == server


def test_the_border_lies_at_the_first_stranger(config: Config) -> None:
    headers = Headers(
        [
            ("X-One", b"1"),
            ("Received", b"from mx.desk.example by inner.desk.example with LMTP"),
            ("Received", b"from a.example by mx.desk.example with ESMTP"),
            ("X-Two", b"2"),
            ("Received", b"from x by a.example with ESMTP"),
            ("Received", b"from x by mx.desk.example with ESMTP"),
        ]
    )
    assert own_part(headers, config.authentication) == 4
    assert own_part(Headers(), config.authentication) == 0


def test_a_forged_field_below_the_border_counts_for_nothing(config: Config) -> None:
    stranger = "Received: from x by relay.evil.example with ESMTP"
    assert not read(config, stranger, f"mx.desk.example; {PASS}").trusted


def test_a_chain_counts_as_far_down_as_its_sealers_are_trusted(config: Config) -> None:
    def seen(*sealers: str, arc: str = "pass") -> int:
        fields = [f"mx.desk.example; arc={arc}; spf=fail smtp.mailfrom=joe@customer.example"]
        for instance, sealer in enumerate(sealers, 1):
            fields.append(f"ARC-Seal: i={instance}; a=rsa-sha256; d={sealer}; s=a; b=x")
            fields.append(f"ARC-Authentication-Results: i={instance}; mx.{sealer}; {PASS}")
        one = mail(*fields)
        found = read_authentication(one, config)
        sealed = list(sealed_authentication(one, config, found))
        assert all(spf_passes(each, "customer.example") for each in sealed)
        return len(sealed)

    assert seen("lists.example") == 1
    assert seen("lists.example", "lists.example") == 2
    assert seen("evil.example", "lists.example") == 1
    assert seen("lists.example", "evil.example") == 0
    assert seen("sub.lists.example") == 0
    assert seen("lists.example", arc="fail") == 0
    assert seen() == 0
