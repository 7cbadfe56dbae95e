"""What the installation of the replay is told: two mailboxes, of which one sends updates and surveys."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

RETURNS: Final = "triage.desk.example"
"""The domain of return addresses."""

CONFIG: Final = """\
[state]
url = "sqlite://{folder}/state.db"
secret_file = "{folder}/secret"
[milter]
deadline = "30s"
[desk]
listen = "inet:127.0.0.1:{desk}"
[ack]
submit = "127.0.0.1:{submit}"
[smtp]
hostname = "mx.desk.example"
[authentication]
trusted_authserv_ids = ["mx.desk.example"]
[networks]
outbound = ["192.0.2.0/24"]
[history]
keep = "60d"
[warnings]
mail_to = ["leads@desk.example"]
[return_addresses]
domain = "{returns}"
[calendars.main]
timezone = "Europe/Berlin"
country = "DE"
closed = ["2026-12-24", "2026-12-31"]
[mailboxes."help@desk.example"]
name = "Desk Example"
urgent = "+49 30 1234"
privacy = "https://desk.example/privacy"
updates = "send"
survey = "send"
[mailboxes."service@desk.example"]
name = "Desk Example Service"
"""


def write_configuration(folder: Path, seed: int, ports: Mapping[str, int]) -> tuple[Path, Path]:
    """The configuration and the secret, which is the same for the same seed."""
    secret = folder / "secret"
    secret.write_bytes(hashlib.sha256(b"replay %d" % seed).digest())
    secret.chmod(0o600)
    file = folder / "mailtriage.toml"
    text = CONFIG.format(folder=folder, returns=RETURNS, **ports)
    file.write_text(text, encoding="utf-8")
    return file, secret
