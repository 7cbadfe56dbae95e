"""Whether two keys name one place in the network: of each pair, one of the two would not work."""

import itertools
from typing import Final

from mailtriage.config.endpoints import NextHop, SocketAddress
from mailtriage.config.report import Report
from mailtriage.config.sections import Config

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not bound
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1", *_EVERY_ADDRESS})

_CONSEQUENCES: Final = {
    ("desk.listen", "ack.submit"): ": nothing would be sent",
    ("desk.listen", "smtp.next_hop"): ": the desk takes nothing but hidden copies",
    ("ack.submit", "smtp.listen"): ": acknowledgements would be tagged like mail that comes in",
    ("ack.submit", "smtp.next_hop"): ": acknowledgements need a port of their own, with the milter"
    " that signs and no other",
    ("smtp.listen", "smtp.next_hop"): ": every mail would loop",
}


def check_places(config: Config, report: Report) -> None:
    """Report each pair of sockets and servers in use that are one, at the later key of the two."""
    places: dict[str, SocketAddress | NextHop] = {"milter.listen": config.milter.listen}
    if config.mailboxes.mailboxes:  # else the desk stays shut, and nothing is handed in
        places |= {"desk.listen": config.desk.listen, "ack.submit": config.ack.submit}
    if config.smtp.listen is not None:
        places |= {"smtp.listen": config.smtp.listen, "smtp.next_hop": config.smtp.next_hop}
    if config.metrics.listen is not None:
        places["metrics.listen"] = config.metrics.listen
    for (one, at_one), (other, at_other) in itertools.combinations(places.items(), 2):
        if _same_place(at_one, at_other):
            section, _, key = other.partition(".")
            consequence = _CONSEQUENCES.get((one, other), "")
            report((section, key), f"the same address as {one}{consequence}")


def _same_place(one: SocketAddress | NextHop, other: SocketAddress | NextHop) -> bool:
    if one.path or other.path:
        return one.path == other.path
    if one.port == 0 or one.port != other.port:  # a socket that we inherit has no port
        return False
    hosts = {"127.0.0.1" if place.host == "localhost" else place.host for place in (one, other)}
    return len(hosts) == 1 or (bool(hosts & _EVERY_ADDRESS) and hosts <= _THIS_MACHINE)
