"""A real redis-server of its own: on a TCP port, with a password, with or without persistence."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import redis

from tests.support.postfix import free_port

PASSWORD: Final = "of-the-redis-of-tests-7hk2q"


def why_not() -> str:
    """Why none can run here; empty when one can."""
    return "" if shutil.which("redis-server") else "no redis-server"


class RedisServer:
    """Started, killed, stopped, continued, and started again, on the same port."""

    def __init__(self, directory: Path, *options: str, password: str = PASSWORD) -> None:
        """`directory` receives its files; `options` as on its command line."""
        self.directory: Final = directory
        self.port: Final = free_port()
        self.password: Final = password
        self._options: Final = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """With the password."""
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    @property
    def bare_url(self) -> str:
        """Without."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *more: str) -> "RedisServer":
        """Returns when it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        options += ["--dir", str(self.directory), *self._options, *more]
        # By a file: the password must not stand in a list of processes, in tests either.
        conf = self.directory / "redis.conf"
        conf.write_text(f"requirepass {self.password}\n" if self.password else "")
        self._process = subprocess.Popen(
            ["redis-server", str(conf), *options], stdout=subprocess.DEVNULL
        )
        for _ in range(400):
            with contextlib.suppress(redis.RedisError):
                self.client().ping()
                return self
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def client(self) -> redis.Redis:
        """A connection beside those of the program."""
        return redis.Redis.from_url(self.url, socket_timeout=10)

    def keys(self) -> dict[bytes, object]:
        """Everything that it holds, with types flattened, to be compared."""
        client = self.client()
        found: dict[bytes, object] = {}
        for key in sorted(client.scan_iter(count=1000)):
            kind = client.type(key)
            if kind == b"hash":
                found[key] = client.hgetall(key)
            elif kind == b"zset":
                found[key] = client.zrange(key, 0, -1, withscores=True)
            else:
                found[key] = client.get(key)
        return found

    def freeze(self) -> None:
        """It holds its connections and does nothing any more."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9; what it did not write down is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """For the end of a test, whatever was done to it before."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.thaw()
            self.kill()

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def __enter__(self) -> "RedisServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def slow_way(port: int, delay: float) -> Iterator[int]:
    """A port of its own whose every piece of data, either way, comes `delay` seconds later."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                time.sleep(delay)
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                open_.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for one in open_:
            one.close()
