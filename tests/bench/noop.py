"""The floor of any milter on pymilter: takes every message in, does nothing, lets it pass.

Two processes on one socket as in mailtriage, all steps that need no answer without one, nothing
collected and nothing added.

    python -m tests.bench.noop SOCKET
"""

import os
import signal
import stat
import sys

import Milter

import milter

WORKERS = 2


class Noop(Milter.Base):
    """Every callback is there, so that libmilter hands over the whole message."""

    @Milter.noreply
    def hello(self, name: str) -> int:
        return Milter.CONTINUE

    @Milter.noreply
    def envfrom(self, sender: str, *parameters: str) -> int:
        return Milter.CONTINUE

    @Milter.noreply
    def envrcpt(self, recipient: str, *parameters: str) -> int:
        return Milter.CONTINUE

    @Milter.noreply
    def header(self, name: str, value: str) -> int:
        return Milter.CONTINUE

    @Milter.noreply
    def eoh(self) -> int:
        return Milter.CONTINUE

    @Milter.noreply
    def body(self, chunk: bytes) -> int:
        return Milter.CONTINUE

    def eom(self) -> int:
        return Milter.CONTINUE


def main(path: str) -> None:
    """Serves on the unix socket `path` until SIGTERM."""
    Milter.factory = Noop
    milter.set_connect_callback(Milter.connect_callback)
    milter.set_helo_callback(lambda ctx, name: ctx.getpriv().hello(name))
    milter.set_envfrom_callback(lambda ctx, *words: ctx.getpriv().envfrom_bytes(*words))
    milter.set_envrcpt_callback(lambda ctx, *words: ctx.getpriv().envrcpt_bytes(*words))
    milter.set_header_callback(lambda ctx, name, value: ctx.getpriv().header_bytes(name, value))
    milter.set_eoh_callback(lambda ctx: ctx.getpriv().eoh())
    milter.set_body_callback(lambda ctx, chunk: ctx.getpriv().body(chunk))
    milter.set_eom_callback(lambda ctx: ctx.getpriv().eom())
    milter.set_abort_callback(lambda ctx: ctx.getpriv().abort())
    milter.set_close_callback(Milter.close_callback)
    milter.setconn(f"unix:{path}")
    milter.register("noop", negotiate=Milter.negotiate_callback)
    next_descriptor = os.dup(0)
    os.close(next_descriptor)
    os.umask(0)
    remove_stale = True
    milter.opensocket(remove_stale)
    if not stat.S_ISSOCK(os.fstat(next_descriptor).st_mode):
        raise SystemExit("noop: libmilter's listening socket was not found")
    # The worker that loses the race for a connection would sleep in accept() otherwise.
    os.set_blocking(next_descriptor, False)

    workers = []
    for _ in range(WORKERS):
        pid = os.fork()
        if pid == 0:
            milter.main()
            os._exit(0)
        workers.append(pid)

    def end(*_: object) -> None:
        # libmilter takes up to five seconds to heed SIGTERM; nothing here is worth waiting for.
        for worker in workers:
            os.kill(worker, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    for worker in workers:
        os.waitpid(worker, 0)


if __name__ == "__main__":
    main(sys.argv[1])
