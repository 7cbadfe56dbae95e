"""A real OpenDKIM of our own: signs as a milter on a free port of loopback, and judges signatures.

The public key comes out of a file, so no DNS is asked.
"""

import base64
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final, Self

from tests.support.postfix import free_port
from tests.support.serve import wait_for

PROGRAM: Final = "/usr/sbin/opendkim"
SELECTOR: Final = "test"

_COMMON: Final = """\
Canonicalization relaxed/simple
Background no
TestPublicKeys {directory}/keys
PidFile {directory}/{mode}.pid
Mode {mode}
"""
_SIGNING: Final = """\
Domain {domain}
Selector {selector}
KeyFile {directory}/private.pem
RequireSafeKeys no
InternalHosts 127.0.0.1
Socket inet:{port}@127.0.0.1
"""


def why_not() -> str:
    """Why it cannot run here; empty when it can."""
    if not Path(PROGRAM).exists():
        return "OpenDKIM is not installed"
    if shutil.which("openssl") is None:
        return "openssl, which makes the key, is not installed"
    return ""


class OpenDkim:
    """Signs what clients on loopback send from `domain`. Use as a context manager.

    `directory` is its own and must exist; `port` is where the milter listens.
    """

    def __init__(self, directory: Path, domain: str = "desk.example") -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        private = directory / "private.pem"
        _openssl("genrsa", "-out", str(private), "2048")
        private.chmod(0o600)
        public = _openssl("pkey", "-in", str(private), "-pubout", "-outform", "DER")
        record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
        (directory / "keys").write_text(f"{SELECTOR}._domainkey.{domain} {record}\n")
        for mode, more in (("s", _SIGNING), ("v", "")):
            (directory / f"{mode}.conf").write_text(
                (_COMMON + more).format(
                    directory=directory,
                    mode=mode,
                    domain=domain,
                    selector=SELECTOR,
                    port=self.port,
                )
            )

    def __enter__(self) -> Self:
        command = [PROGRAM, "-f", "-x", str(self._directory / "s.conf")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for(lambda: self._listens() or self._gone(), "OpenDKIM to listen")
        if self._gone():
            raise RuntimeError("OpenDKIM did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def verdict(self, message: bytes) -> str:
        """What OpenDKIM says of a message's signature: a line with "succeeded", or the reason."""
        file = self._directory / "message.eml"
        file.write_bytes(message)
        done = subprocess.run(
            [PROGRAM, "-x", str(self._directory / "v.conf"), "-t", str(file)],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def _gone(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except ConnectionRefusedError:
            return False
        return True


def _openssl(*arguments: str) -> bytes:
    return subprocess.run(
        ["openssl", *arguments], capture_output=True, check=True, timeout=60
    ).stdout
