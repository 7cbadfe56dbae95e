"""One connection to the Redis that nodes share: redis://, rediss://, redis+sentinel://, a cluster.

redis-py retries ten times with pauses by default, which would be seconds: none here. A cluster
needs no more than one connection, as all keys of an installation lie in one slot: whoever does not
have it says who does.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from mailtriage.state.redis_scripts import SCHEMA, Script

SENTINEL_PORT: Final = 26379
MOST_HOPS: Final = 3
"""Nodes of a cluster that are asked for the one that has our slot."""

Value = str | bytes | int | float


class RedisError(Exception):
    """Redis cannot be used, or not now; the message says why, and quotes no password."""


class NotSharedError(RedisError):
    """It answers, and what it holds is not for this node: a newer schema, or another secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Redis is, and what is ours there."""

    url: str = field(repr=False)
    """Of one of the schemes; may hold a password."""
    password_file: Path | None
    """Read at each new connection; the password in the URL wins."""
    prefix: str
    fingerprint: str
    """Tells the secret of this installation from another, and nothing about it."""

    def key(self, name: str) -> str:
        """A key of ours; all of them have one slot."""
        return f"mt:{{{self.prefix}}}:{name}"


class RedisLink:
    """Made for one thread; connects when it is first asked, and anew after each failure."""

    def __init__(self, place: Place, timeout: float) -> None:
        """`timeout`: seconds for a connection, and for each answer."""
        self._place: Final = place
        self._options: Final[dict[str, Any]] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": 0,
            # By default the server has to answer three questions before the first of ours.
            "protocol": 2,
            "driver_info": None,
        }
        self._client: redis.Redis | None = None

    def run(self, script: Script, epoch: str, values: Sequence[Value]) -> list[Any]:
        """What the script returns, behind its "ok". Raises RedisError."""
        place = self._place
        arguments: list[Value] = [place.key(""), SCHEMA, place.fingerprint, epoch, *values]
        try:
            answer = self._evaluated(script, [place.key("meta"), *arguments])
        except (redis.RedisError, OSError, ValueError) as error:
            self.close()
            raise _told(error) from error
        if answer[0] == b"schema":
            raise NotSharedError(
                f"a newer mailtriage uses it (schema {answer[1].decode(errors='replace')[:9]}, and"
                f" this one knows {SCHEMA}): update this node"
            )
        if answer[0] == b"secret":
            raise NotSharedError(
                "the nodes that share it have another secret: copy theirs (state.secret_file)"
            )
        return answer[1:]

    def ask(self, *command: Value) -> Any:
        """The answer to a command, for whoever looks at the server itself. Raises RedisError."""
        try:
            opened: Any = self._opened()
            return opened.execute_command(*command)
        except (redis.RedisError, OSError, ValueError) as error:
            self.close()
            raise _told(error) from error

    def close(self) -> None:
        """Hang up; the next question connects."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                client.close()
                client.connection_pool.disconnect()

    def _evaluated(self, script: Script, arguments: list[Value]) -> list[Any]:
        for _ in range(MOST_HOPS):
            try:
                client = self._opened()
                try:
                    answer = client.evalsha(script.sha, 1, *cast("list[str]", arguments))
                except redis.exceptions.NoScriptError:
                    answer = client.eval(script.text, 1, *cast("list[str]", arguments))
                return cast("list[Any]", answer)
            except redis.exceptions.MovedError as moved:
                self._follow(moved.host, moved.port)
        raise redis.RedisError("each node of the cluster names another one for our slot")

    def _opened(self) -> redis.Redis:
        if self._client is None:
            self._client = self._connected()
        return self._client

    def _connected(self) -> redis.Redis:
        place, options = self._place, dict(self._options)
        if place.password_file is not None:
            options["password"] = place.password_file.read_text(encoding="utf-8").strip()
        if place.url.startswith("redis+sentinel:"):
            return _behind_sentinels(place.url, options)
        return redis.Redis.from_url(place.url, **options)

    def _follow(self, host: str, port: int) -> None:
        """To the node of the cluster that has our slot."""
        known = self._opened().connection_pool
        options, kind = dict(known.connection_kwargs), known.connection_class
        options |= {"port": port} | ({"host": host} if host else {})
        self.close()
        pool = redis.ConnectionPool(connection_class=kind, **options)
        self._client = redis.Redis(connection_pool=pool)


def _told(error: Exception) -> RedisError:
    # What Python says of a URL that it cannot read may be a part of the password: "/", "#" and "?"
    # in one end the host.
    if isinstance(error, ValueError):
        return RedisError(
            "state.url, or the password_file, cannot be read: "
            'in a URL a password has "%2F" for "/", "%23" for "#", and so on'
        )
    return RedisError(str(error) or type(error).__name__)


def _behind_sentinels(url: str, options: dict[str, Any]) -> redis.Redis:
    """redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/SERVICE[/DATABASE][?sentinel_password=…]; the
    first password is that of the servers. Raises ValueError."""
    parts = urlsplit(url)
    login, _, listed = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts = []
    for one in listed.split(","):
        name, colon, port = one.rpartition(":")
        whole = not colon or one.endswith("]")
        hosts.append((one.strip("[]"), SENTINEL_PORT) if whole else (name.strip("[]"), int(port)))
    service, _, database = parts.path.strip("/").partition("/")
    if user:
        options["username"] = unquote(user)
    if password:
        options["password"] = unquote(password)
    own = {name: options[name] for name in options if name not in ("password", "username")}
    told = parse_qs(parts.query)
    for name in ("username", "password"):
        if f"sentinel_{name}" in told:
            own[name] = told[f"sentinel_{name}"][0]
    sentinels: Any = cast("Any", Sentinel)(hosts, sentinel_kwargs=own)
    return cast("redis.Redis", sentinels.master_for(service, db=int(database or 0), **options))
