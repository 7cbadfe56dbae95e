"""STARTTLS on both sides, against programs that are not ours."""

import smtplib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mailtriage.doors.smtp import Endpoint, SmtpDoor, TlsPolicy
from tests.doors.conftest import make_certificate
from tests.doors.smtp_support import MAIL, TAG, Certificate, Neighbourhood, NextHop, SmtpClient


def test_a_client_may_encrypt(hood: Neighbourhood, certificate: Certificate) -> None:
    hop = hood.hop()
    _, where = secure_door(hood, hop, certificate)
    with smtplib.SMTP("127.0.0.1", where.port, timeout=30) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=certificate.client_context())
        client.ehlo()
        assert not client.has_extn("starttls"), "it is in use"
        assert not client.has_extn("auth")
        client.sendmail("a@x", ["b@x"], MAIL)
    assert [mail.content for mail in hop.taken] == [TAG + MAIL]


def secure_door(
    hood: Neighbourhood, hop: NextHop, certificate: Certificate
) -> tuple[SmtpDoor, Endpoint]:
    return hood.door(hop, tls_certificate=certificate.certificate, tls_key=certificate.key)


@pytest.mark.e2e
def test_openssl_s_client_gets_through(hood: Neighbourhood, certificate: Certificate) -> None:
    hop = hood.hop()
    _, where = secure_door(hood, hop, certificate)
    command = ["openssl", "s_client", "-quiet", "-starttls", "smtp", "-verify_return_error"]
    command += ["-connect", f"127.0.0.1:{where.port}", "-CAfile", str(certificate.certificate)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as openssl:
        assert openssl.stdin is not None
        assert openssl.stdout is not None
        steps = (b"EHLO x", b"MAIL FROM:<a@x>", b"RCPT TO:<b@x>", b"DATA", MAIL + b".", b"QUIT")
        for step in steps:
            openssl.stdin.write(step + b"\r\n")
            openssl.stdin.flush()
            while openssl.stdout.readline()[3:4] == b"-":
                pass
    assert [mail.content for mail in hop.taken] == [TAG + MAIL]


def test_what_was_said_before_tls_is_forgotten(
    hood: Neighbourhood, certificate: Certificate
) -> None:
    """RFC 3207 §4.2; also what was smuggled in behind STARTTLS in clear text."""
    hop = hood.hop()
    _, where = secure_door(hood, hop, certificate)
    client = hood.client(where)
    client.begins_mail("before@x")
    client.send(b"STARTTLS\r\nMAIL FROM:<injected@x>\r\n")
    client.expect("220")
    client.starts_tls(certificate.client_context())
    client.says("MAIL FROM:<a@x>", "503")
    client.says("EHLO x", "250")
    client.says("RCPT TO:<b@x>", "503")
    client.says("STARTTLS", "503")
    assert client.sends_mail().startswith("250")
    assert [mail.recipients for mail in hop.taken] == [["RCPT TO:<b@desk.example>"]]
    assert not any("injected" in line for line in hop.commands)


def test_a_handshake_that_fails_ends_the_connection(
    hood: Neighbourhood, certificate: Certificate
) -> None:
    _, where = secure_door(hood, hood.hop(), certificate)
    client = hood.client(where)
    client.says("STARTTLS", "220")
    client.send(b"this is no handshake\r\n" * 20)
    client.socket.settimeout(20)
    while client.socket.recv(4096):
        pass
    assert hood.client(where).sends_mail().startswith("250")


def test_no_certificate_no_starttls(hood: Neighbourhood) -> None:
    _, where = hood.door(hood.hop())
    client = SmtpClient(where)
    client.expect("220")
    assert "STARTTLS" not in client.says("EHLO x", "250")
    client.says("STARTTLS", "454")
    client.drop()


@pytest.mark.parametrize("policy", [TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED])
def test_the_way_to_the_next_hop_is_encrypted(
    hood: Neighbourhood, certificate: Certificate, policy: TlsPolicy
) -> None:
    hop = hood.hop(tls=certificate.server_context())
    _, where = hood.door(hop, next_hop_tls=policy)
    mail = MAIL + b"x\r\n" * 300_000
    assert hood.client(where).sends_mail(mail).startswith("250")
    assert hop.taken[0].content == TAG + mail
    assert hop.commands[:3] == ["EHLO door.example", "STARTTLS", "EHLO door.example"]


def test_lmtp_is_encrypted_as_well(hood: Neighbourhood, certificate: Certificate) -> None:
    hop = hood.hop(lmtp=True, tls=certificate.server_context())
    _, where = hood.door(hop, next_hop_tls=TlsPolicy.REQUIRED)
    assert hood.client(where).sends_mail().startswith("250")
    assert hop.commands[:3] == ["LHLO door.example", "STARTTLS", "LHLO door.example"]


def test_opportunistic_does_without(hood: Neighbourhood, certificate: Certificate) -> None:
    for hop in (
        hood.hop(),
        hood.hop(tls=certificate.server_context(), answers={"STARTTLS": "454 4.7.0 not now"}),
        hood.hop(tls=certificate.server_context(), answers={"STARTTLS": ""}),
    ):
        _, where = hood.door(hop, next_hop_tls=TlsPolicy.OPPORTUNISTIC)
        assert hood.client(where).sends_mail().startswith("250")


def test_required_does_not_do_without(hood: Neighbourhood, certificate: Certificate) -> None:
    for hop in (
        hood.hop(),
        hood.hop(tls=certificate.server_context(), answers={"STARTTLS": "454 4.7.0 not now"}),
    ):
        _, where = hood.door(hop, next_hop_tls=TlsPolicy.REQUIRED)
        hood.client(where, greet="HELO x").says("MAIL FROM:<a@x>", "451 4.7.5")
        assert not any(line.startswith("MAIL") for line in hop.commands)


def test_the_next_hops_certificate_is_checked(
    hood: Neighbourhood, certificate: Certificate, tmp_path: Path
) -> None:
    hop = hood.hop(tls=certificate.server_context())
    settings: dict[str, Any] = {"next_hop_tls": TlsPolicy.REQUIRED}
    _, where = hood.door(hop, next_hop_ca_file=certificate.certificate, **settings)
    assert hood.client(where).sends_mail().startswith("250")

    stranger = make_certificate(tmp_path)
    _, where = hood.door(hop, next_hop_ca_file=stranger.certificate, **settings)
    hood.client(where, greet="HELO x").says("MAIL FROM:<a@x>", "451 4.7.5")

    other_name = Endpoint("127.0.0.2", hop.port)
    _, where = hood.door(
        hop, next_hop=other_name, next_hop_ca_file=certificate.certificate, **settings
    )
    hood.client(where, greet="HELO x").says("MAIL FROM:<a@x>", "451 4.")
