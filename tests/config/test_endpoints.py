"""Addresses of sockets, next hops and networks, in every spelling that administrators know."""

import pytest

from mailtriage.config.endpoints import (
    EndpointError,
    Networks,
    NextHop,
    SocketAddress,
    parse_network,
    parse_next_hop,
    parse_socket,
)


@pytest.mark.parametrize(
    ("text", "postfix", "libmilter"),
    [
        ("unix:/run/m.sock", "unix:/run/m.sock", "unix:/run/m.sock"),
        ("local:/run/m.sock", "unix:/run/m.sock", "unix:/run/m.sock"),
        ("/run/m.sock", "unix:/run/m.sock", "unix:/run/m.sock"),
        ("inet:127.0.0.1:8894", "inet:127.0.0.1:8894", "inet:8894@127.0.0.1"),
        ("inet:8894@127.0.0.1", "inet:127.0.0.1:8894", "inet:8894@127.0.0.1"),
        ("127.0.0.1:8894", "inet:127.0.0.1:8894", "inet:8894@127.0.0.1"),
        ("inet:localhost:8894", "inet:localhost:8894", "inet:8894@localhost"),
        (
            "inet:mail.Desk.example:8894",
            "inet:mail.desk.example:8894",
            "inet:8894@mail.desk.example",
        ),
        ("inet:[::1]:8894", "inet:[::1]:8894", "inet6:8894@::1"),
        ("[::1]:8894", "inet:[::1]:8894", "inet6:8894@::1"),
        ("inet6:8894@::1", "inet:[::1]:8894", "inet6:8894@::1"),
        ("inet6:8894@[::1]", "inet:[::1]:8894", "inet6:8894@::1"),
        ("inet:8894@::1", "inet:[::1]:8894", "inet6:8894@::1"),
        ("inet6:8894@mail.example", "inet:mail.example:8894", "inet6:8894@mail.example"),
        ("fd:3", None, "fd:3"),
    ],
)
def test_socket_spellings(text: str, postfix: str | None, libmilter: str) -> None:
    address = parse_socket(text)
    assert address.postfix() == postfix
    assert address.libmilter() == libmilter
    assert parse_socket(libmilter) == address


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (
            "unix:run/m.sock",
            "the path of a unix socket must be absolute",
            "write unix:/run/mailtriage/run/m.sock",
        ),
        (
            "unix:",
            "the path of a unix socket must be absolute",
            "write unix:/run/mailtriage/milter.sock",
        ),
        ("unix:/" + "x" * 100, "the path of a unix socket has at most 100 bytes", ""),
        (
            "inet:::1:8894",
            "an IPv6 address must stand in brackets",
            "write [::1]:8894",
        ),
        (
            "8894",
            '"8894" has no host or no port',
            "write unix:/path, inet:HOST:PORT, inet:PORT@HOST or fd:N",
        ),
        ("inet:8894@", '"" is not a host name or IP address', ""),
        ("inet:127.0.0.1:0", '"0" is not a port number from 1 to 65535', ""),
        ("inet:127.0.0.1:65536", '"65536" is not a port number from 1 to 65535', ""),
        ("inet:127.0.0.1:smtp", '"smtp" is not a port number from 1 to 65535', ""),
        ("inet:300.0.0.1:25", '"300.0.0.1" is not a host name or IP address', ""),
        ("inet:a_b c:25", '"a_b c" is not a host name or IP address', ""),
        (
            "fd:0",
            "descriptor 0 is standard input, output or error",
            "systemd hands sockets over from fd:3 on",
        ),
        ("fd:x", '"x" is not a file descriptor', "write fd:3"),
    ],
)
def test_no_sockets(text: str, what: str, hint: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_socket(text)
    assert (str(caught.value), caught.value.hint) == (what, hint)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("unix:/run/m.sock", True),
        ("inet:127.0.0.2:25", True),
        ("inet:localhost:25", True),
        ("inet:[::1]:25", True),
        ("inet:0.0.0.0:25", False),
        ("inet:192.0.2.1:25", False),
        ("inet:mail.example:25", False),
    ],
)
def test_who_can_connect(text: str, loopback: bool) -> None:
    assert parse_socket(text).loopback is loopback


@pytest.mark.parametrize(
    ("text", "hop"),
    [
        ("127.0.0.1:10026", NextHop("smtp", "127.0.0.1", 10026)),
        ("smtp:mail.example:25", NextHop("smtp", "mail.example", 25)),
        ("[2001:db8::1]:25", NextHop("smtp", "2001:db8::1", 25)),
        ("lmtp:mail.example:24", NextHop("lmtp", "mail.example", 24)),
        ("lmtp:inet:mail.example:24", NextHop("lmtp", "mail.example", 24)),
        ("lmtp:unix:/run/lmtp", NextHop("lmtp", path="/run/lmtp")),
        ("lmtp:/run/lmtp", NextHop("lmtp", path="/run/lmtp")),
    ],
)
def test_next_hops(text: str, hop: NextHop) -> None:
    assert parse_next_hop(text) == hop
    assert parse_next_hop(str(hop)) == hop


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (
            "unix:/run/lmtp",
            "only LMTP is spoken over a unix socket",
            "write lmtp:unix:/run/lmtp",
        ),
        (
            "mail.example",
            '"mail.example" has no host or no port',
            "write HOST:PORT, lmtp:HOST:PORT or lmtp:unix:/path",
        ),
        ("[::1]", '"[::1]" has no port', "write HOST:PORT, lmtp:HOST:PORT or lmtp:unix:/path"),
        ("", '"" has no host or no port', "write HOST:PORT, lmtp:HOST:PORT or lmtp:unix:/path"),
    ],
)
def test_no_next_hops(text: str, what: str, hint: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_next_hop(text)
    assert (str(caught.value), caught.value.hint) == (what, hint)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("128.0.0.0", False),
        ("::1", True),
        ("::2", False),
        ("192.0.2.77", True),
        ("192.0.2.78", False),
        ("2001:db8:ffff::1", True),
        ("2001:db9::", False),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("::7f00:1", False),
        ("", False),
        ("unknown", False),
        ("127.0.0.1 ", False),
        ("localhost", False),
    ],
)
def test_networks(address: str, inside: bool) -> None:
    texts = ("127.0.0.0/8", "::1/128", "192.0.2.77", "2001:db8::/32")
    assert Networks(tuple(map(parse_network, texts))).contains(address) is inside


def test_no_network_holds_nothing() -> None:
    assert not Networks().contains("127.0.0.1")


def test_an_inherited_socket_has_no_address_of_its_own() -> None:
    assert str(SocketAddress("fd", descriptor=3)) == "fd:3"
