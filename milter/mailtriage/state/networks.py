"""By what a client is counted: what one customer of a provider has at his disposal."""

import ipaddress
from functools import lru_cache


# Three times for each mail at the desk.
@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """An IPv4 address as it is, of an IPv6 address its /64; empty when it is neither.

    A /64 is the least that a provider hands to one line (RFC 6177), so that counting single IPv6
    addresses would count nobody. An IPv4 address written as IPv6 (RFC 4291 section 2.5.5.2) is the
    IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
