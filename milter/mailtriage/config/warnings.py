"""[warnings]: who is told when a topic, a skill or a language brings more mail than it should."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mailtriage.config.reader import SettingsReader

_NONE: Final = r"\s\x00-\x1f\x7f-\x9f@<>,;:\\\"()\[\]"
_ADDRESS: Final = re.compile(rf"[^{_NONE}]{{1,64}}@[^{_NONE}]{{1,253}}")


@dataclass(frozen=True, slots=True)
class WarningsConfig:
    """What is watched, and who hears of it."""

    enabled: bool
    phrases: bool
    """Whether the newest texts are watched for new phrases, in memory."""
    mail_to: tuple[str, ...]
    mail_from: str
    """Empty: the first of `mail_to` writes to itself."""
    webhook: str
    """https, or http on this machine; empty: none."""
    webhook_secret_file: Path | None
    """Holds the key that each call is signed with."""
    alerts_a_week: int
    """More than these, and the noisiest has to be surer for two weeks."""


def read_warnings(table: SettingsReader) -> WarningsConfig:
    """Read the section."""
    found = WarningsConfig(
        enabled=table.boolean("enabled", default=True),
        phrases=table.boolean("phrases", default=True),
        mail_to=_addresses(table, "mail_to"),
        mail_from=table.text("mail_from", "", pattern=_ADDRESS, empty=True),
        webhook=table.url("webhook", "", ("https", "http")),
        webhook_secret_file=table.file("webhook_secret_file"),
        alerts_a_week=table.integer("alerts_a_week", 2, low=1, high=100),
    )
    if found.webhook.startswith("http:") and not _is_here(found.webhook):
        table.problem(
            "webhook",
            "its calls would cross a network in the clear",
            "write https://, or the address of something on this machine: http://127.0.0.1:PORT/",
        )
    if found.webhook and found.webhook_secret_file is None:
        table.problem(
            "webhook",
            "its calls would bear no signature",
            "name a file with a random key in webhook_secret_file",
        )
    return found


def _is_here(url: str) -> bool:
    """Whether an address is one of this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _addresses(table: SettingsReader, key: str) -> tuple[str, ...]:
    found = []
    for number, text in table.items(key):
        if _ADDRESS.fullmatch(text):
            found.append(text)
        else:
            table.problem((key, number), f'"{text}" is no address', 'write "team@desk.example"')
    return tuple(found)
