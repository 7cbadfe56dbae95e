"""What `mailtriage postfix` prints for this configuration, to compare with what is there.

Read out of the printed script itself, so that the two can never differ.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailtriage.commands.postfix import wiring
from mailtriage.commands.postfix_wiring import milter_entry, reachable
from mailtriage.config import Config
from mailtriage.config.endpoints import host_and_port
from mailtriage.doctor.lists import MilterEntry, milter_entry_of

DESK_SERVICE: Final = "mailtriage/unix"

_OPTION: Final = re.compile(r"(?m)^    '([^'/]+/[a-z]+)/([a-z_]+)=([^']*)'")
_TABLE: Final = re.compile(r"(?ms)^cat > /etc/postfix/(\S+) <<'END'\n(.*?)^END\n")


@dataclass(frozen=True, slots=True)
class Expected:
    """The wiring that is printed."""

    milter: MilterEntry
    desk: str
    """The desk as transport_maps has it; empty without mailboxes."""
    port: str
    """The service of master.cf at which acknowledgements are handed in; empty without mailboxes, or
    where it is another machine's."""
    options: Mapping[str, Mapping[str, str]]
    """By service: the settings of its own."""
    tables: Mapping[str, str]
    """The files beside main.cf, by name."""


def expected(config: Config) -> Expected:
    """Print it, and read it."""
    script = wiring(config)
    options: dict[str, dict[str, str]] = {}
    for service, name, value in _OPTION.findall(script):
        options.setdefault(service, {})[name] = value
    port = f"{host_and_port(config.ack.submit.host, config.ack.submit.port)}/inet"
    return Expected(
        milter=milter_entry_of(milter_entry(config)),
        desk=f"mailtriage:{reachable(config.desk.listen)}" if config.mailboxes.mailboxes else "",
        port=port if port in options else "",
        options=options,
        tables=dict(_TABLE.findall(script)),
    )
