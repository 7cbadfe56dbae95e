"""The milter door: the only module that imports pymilter.

libmilter calls back from its own threads. These collect what the MTA sends, ask an analyser at
end-of-message, wait with a deadline, and then send all edits and the verdict back to back, so that
a crash or a time-out never leaves half of them.

The callbacks are set on the C module itself rather than on Milter.Base, whose wrappers cost a fifth
of the time of a small mail. Every callback is guarded: an exception in a step that wants no reply
would leave the MTA waiting for one (pymilter 1.0.5).

Measured protocol facts are in docs/milter.md.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

import Milter

import milter
from mailtriage.doors.analysis import Analysis, Analyst
from mailtriage.doors.descriptors import socket_inodes, unused_address
from mailtriage.doors.exchange import NoAnswer, Overload, Question, ask
from mailtriage.mail.model import Client, Envelope
from mailtriage.tags.model import Edits, Status

# Steps that are not wanted at all, and steps that are wanted without a reply. Without these the MTA
# waits for an answer to each header: three times the CPU, 3 ms a mail. Body chunks are answered, so
# that SKIP can end them.
_UNWANTED: Final[int] = Milter.P_NOHELO | Milter.P_NODATA | Milter.P_NOUNKNOWN | Milter.P_NOEOH
_SILENT: Final[int] = Milter.P_NR_CONN | Milter.P_NR_MAIL | Milter.P_NR_RCPT | Milter.P_NR_HDR
_ADD_RECIPIENT: Final[int] = Milter.ADDRCPT | Milter.ADDRCPT_PAR
_REROUTE: Final[int] = Milter.ADDRCPT_PAR | Milter.DELRCPT
_ACTIONS: Final[int] = Milter.ADDHDRS | Milter.CHGHDRS | _ADD_RECIPIENT | Milter.DELRCPT

_CONTINUE: Final[int] = Milter.CONTINUE
_NOREPLY: Final[int] = Milter.NOREPLY
_SKIP: Final[int] = Milter.SKIP

MAX_HEADERS: Final = 2000
"""Header fields of one mail whose values are kept."""

Report = Callable[[Analysis, Question], None]


class Message:
    """What the MTA has sent of one mail so far."""

    __slots__ = (
        "body",
        "body_bytes",
        "complete",
        "headers",
        "notify",
        "queue_id",
        "recipients",
        "sender",
    )

    def __init__(self, sender: str) -> None:
        self.sender: Final = sender
        self.recipients: Final[list[str]] = []
        self.notify: Final[dict[str, str]] = {}
        """Recipient to the NOTIFY that the client asked for (RFC 3461 section 4.1)."""
        self.headers: Final[list[tuple[str, bytes]]] = []
        self.body: Final[list[bytes]] = []
        self.body_bytes = 0
        self.complete = True
        """False when the rest of the body was skipped."""
        self.queue_id = ""


class _Session:
    """One connection of the MTA: one SMTP session with any number of mails."""

    __slots__ = (
        "address",
        "can_add_recipient",
        "can_reroute",
        "can_skip",
        "message",
        "name",
        "protocol",
        "silence",
    )

    def __init__(self, offered: int, actions: int) -> None:
        """`offered` are the protocol steps that this MTA leaves to us (SMFIP_*), `actions` what it
        lets us do (SMFIF_*)."""
        # An MTA older than Sendmail 8.14 and Postfix 2.6 knows neither; it gets its replies.
        self.silence: Final = _NOREPLY if offered & _SILENT == _SILENT else _CONTINUE
        self.can_skip: Final = bool(offered & Milter.P_SKIP)
        # Sendmail before 8.14 and Postfix before 3.0: without NOTIFY=NEVER a bounce of our copy
        # would reach the customer.
        self.can_add_recipient: Final = actions & _ADD_RECIPIENT == _ADD_RECIPIENT
        self.can_reroute: Final = actions & _REROUTE == _REROUTE
        self.address = ""
        self.name = ""
        self.protocol = "smtp"
        self.message: Message | None = None


class MilterDoor:
    """Runs libmilter on a listening socket of ours, in the calling thread."""

    def __init__(self, analyst: Analyst, analysers: Path, report: Report) -> None:
        """`analysers` is the socket of the analysers. `report` is told of each mail that passes
        without an analysis, after its verdict was sent; it must not block.
        """
        config = analyst.config.milter
        self._analyst: Final = analyst
        self._analysers: Final = analysers
        self._report: Final = report
        self._scan: Final = config.max_scan_bytes
        self._deadline: Final = config.deadline
        self._sessions = 0
        self._lock: Final = threading.Lock()
        self._listen_fd = -1
        self.messages = 0

    @property
    def sessions(self) -> int:
        """Open sessions."""
        return self._sessions

    def open(self, listen_fd: int) -> None:
        """Make libmilter listen on that (non-blocking) socket. Raises OSError.

        libmilter only opens sockets by name. So it opens one that nobody knows, and ours is put in
        its place: this works with every build of it, where `fd:N` is a Debian patch.
        """
        milter.set_exception_policy(Milter.CONTINUE)
        milter.set_flags(_ACTIONS)
        milter.set_connect_callback(_guarded(self._on_connect, silent=True))
        milter.set_envfrom_callback(_guarded(self._on_mail, silent=True))
        milter.set_envrcpt_callback(_guarded(self._on_rcpt, silent=True))
        milter.set_header_callback(self._on_header)
        milter.set_body_callback(_guarded(self._on_body))
        milter.set_eom_callback(_guarded(self._on_end))
        milter.set_abort_callback(_guarded(self._on_abort))
        milter.set_close_callback(_guarded(self._on_close))
        milter.register("mailtriage", negotiate=self._negotiate)
        with socket.socket(fileno=os.dup(listen_fd)) as ours, unused_address(ours.family) as name:
            milter.setconn(name)
            before = socket_inodes()
            milter.opensocket(0)
            opened = {inode: fd for inode, fd in socket_inodes().items() if inode not in before}
        if len(opened) != 1:
            raise OSError(f"libmilter opened {len(opened)} sockets instead of one")
        (self._listen_fd,) = opened.values()
        os.dup2(listen_fd, self._listen_fd)
        os.close(listen_fd)

    def run(self) -> None:
        """Serve until the process ends. libmilter's thread; never returns in normal work."""
        milter.main()

    def stop_accepting(self) -> None:
        """Leave the listening socket to the other processes; open sessions go on.

        libmilter's own stop drops sessions between two commands, so it is never told: a socket to
        which nobody can connect takes the place of the listening one.
        """
        with socket.socket(socket.AF_UNIX) as nowhere:
            nowhere.bind("")
            nowhere.listen(1)
            os.set_blocking(nowhere.fileno(), False)
            os.dup2(nowhere.fileno(), self._listen_fd)

    # What follows is called by libmilter, in any of its threads.

    def _negotiate(self, ctx: Any, options: list[int]) -> int:
        try:
            session = _Session(options[1], options[0])
            options[0] &= _ACTIONS
            options[1] &= _UNWANTED | _SILENT | Milter.P_SKIP
            options[2] = options[3] = 0
            with self._lock:
                self._sessions += 1
            ctx.setpriv(session)
        except Exception:  # noqa: BLE001  an exception here makes pymilter refuse the connection
            return int(Milter.ALL_OPTS)
        return _CONTINUE

    def _on_connect(self, ctx: Any, name: str, _family: int, address: Any) -> int:
        session: _Session = ctx.getpriv()
        session.name = name or ""
        if isinstance(address, tuple):
            session.address = address[0]
            # Postfix gives port 0 to mail from sendmail(1) (non_smtpd_milters).
            session.protocol = "smtp" if address[1] else "local"
        return session.silence

    def _on_mail(self, ctx: Any, sender: bytes, *_: bytes) -> int:
        session: _Session = ctx.getpriv()
        session.message = Message(_address(sender))
        return session.silence

    def _on_rcpt(self, ctx: Any, recipient: bytes, *parameters: bytes) -> int:
        session: _Session = ctx.getpriv()
        if session.message is not None:
            address = _address(recipient)
            session.message.recipients.append(address)
            for parameter in parameters:
                if parameter[:7].upper() == b"NOTIFY=":
                    session.message.notify[address] = parameter.decode("ascii", "replace")
        return session.silence

    def _on_header(self, ctx: Any, name: str, value: bytes) -> int:
        # Called fifty times a mail, and so guarded within rather than by one more call around it.
        try:
            session: _Session = ctx.getpriv()
            message = session.message
            if message is not None:
                # Names are kept without end, or a forged field would hide behind thousands.
                enough = len(message.headers) >= MAX_HEADERS
                message.headers.append((name, b"" if enough else value))
            return session.silence
        except Exception:  # noqa: BLE001  see _guarded
            return _NOREPLY

    def _on_body(self, ctx: Any, chunk: bytes) -> int:
        session: _Session = ctx.getpriv()
        message = session.message
        if message is None or not message.complete:
            return _CONTINUE
        message.body.append(chunk)
        message.body_bytes += len(chunk)
        if message.body_bytes < self._scan:
            return _CONTINUE
        # Perhaps nothing follows; whether the body was cut is then a matter of a few bytes.
        message.complete = False
        return _SKIP if session.can_skip else _CONTINUE

    def _on_end(self, ctx: Any) -> int:
        session: _Session = ctx.getpriv()
        message: Message | None = session.message
        session.message = None
        if message is None:
            return _CONTINUE
        message.queue_id = _macro(ctx, "i")
        client = Client(
            session.address, session.name, _macro(ctx, "{auth_authen}"), session.protocol
        )
        question = Question(
            Envelope(message.sender, tuple(message.recipients)),
            client,
            message.queue_id,
            message.headers,
            message.body,
            message.complete,
        )
        try:
            passed = None
            edits = ask(self._analysers, question, self._deadline).edits
        except Exception as fault:  # noqa: BLE001  whatever it is, the mail goes on
            passed = self._pass(question, fault)
            edits = passed.edits
        _add_hidden(ctx, edits, can_add=session.can_add_recipient)
        if session.can_reroute:
            _reroute(ctx, edits, message.notify)
        _apply(ctx, edits)
        self.messages += 1
        if passed is not None:
            self._report(passed, question)
        return _CONTINUE

    def _pass(self, question: Question, fault: Exception) -> Analysis:
        """The mail passes without an analysis; forged fields go even so."""
        status = Status.ERROR
        if isinstance(fault, TimeoutError):
            status = Status.TIMEOUT
        elif isinstance(fault, Overload):
            status = Status.OVERLOAD
        return self._analyst.pass_on(
            [name for name, _ in question.headers],
            question.headers,
            b"".join(question.body),
            question.envelope,
            question.client,
            question.queue_id,
            status,
            "analyser ended" if isinstance(fault, NoAnswer) else type(fault).__name__,
        )

    def _on_abort(self, ctx: Any) -> int:
        # Also called after a mail that went through (RFC-wise a plain reset): never a signal.
        session: _Session | None = ctx.getpriv()
        if session is not None:
            session.message = None
        return _CONTINUE

    def _on_close(self, ctx: Any) -> int:
        if ctx.getpriv() is not None:
            ctx.setpriv(None)
            with self._lock:
                self._sessions -= 1
        return _CONTINUE


def _guarded(callback: Callable[..., int], *, silent: bool = False) -> Callable[..., int]:
    """A callback that lets the mail pass whatever happens in it; `silent` ones owe no reply."""

    @wraps(callback)
    def guarded(ctx: Any, *arguments: Any) -> int:
        try:
            return callback(ctx, *arguments)
        except Exception:  # noqa: BLE001  the MTA goes on, and so does the mail
            session: _Session | None = ctx.getpriv()
            return session.silence if session is not None and silent else _CONTINUE

    return guarded


def _macro(ctx: Any, name: str) -> str:
    """The value of a macro of the MTA, "" when it has none.

    pymilter decodes it as strict UTF-8. What does not decode is there all the same: a client that
    logged in with an odd name has logged in.
    """
    try:
        return ctx.getsymval(name) or ""
    except UnicodeDecodeError:
        return "?"


def _add_hidden(ctx: Any, edits: Edits, *, can_add: bool) -> None:
    """The hidden recipient, before all else.

    Postfix keeps what it has got when we die in between. So the desk hears of a mail whose tags are
    missing, which it can judge, and never the other way round.
    """
    if edits.recipient and can_add:
        # Should the MTA refuse it, the tags still go out; the sweeper tells the desk.
        with contextlib.suppress(milter.error):
            ctx.addrcpt(f"<{edits.recipient}>", "NOTIFY=NEVER")


def _reroute(ctx: Any, edits: Edits, notify: Mapping[str, str]) -> None:
    """New recipients, each before the old one goes; where the MTA refuses the new, the old stays.

    `notify` is what the client asked for with the old one, and is asked for with the new. Deleting
    takes with it what Postfix has made of the old one by aliases. Without enable_original_recipient
    a new one that is among those was a duplicate and is gone, too (measured on Postfix 3.7): so
    `mailtriage postfix` sets that, as is the default.

    Postfix knows a recipient again by ORCPT, too, which smtpd gives to each: without it, who wrote
    to the old and the new would reach the new twice (measured on Postfix 3.7).
    """
    for change in edits.reroute:
        asked = notify.get(change.old)
        parameters = [*([asked] if asked else ()), *_original(change.new)]
        with contextlib.suppress(milter.error):
            ctx.addrcpt(f"<{change.new}>", *([" ".join(parameters)] if parameters else ()))
            ctx.delrcpt(f"<{change.old}>")


def _original(address: str) -> list[str]:
    """ORCPT of an address (RFC 3461 section 4.2); none beyond ASCII, where its form is another."""
    if not address.isascii():
        return []
    xtext = "".join(f"+{ord(char):02X}" if char in "+=" else char for char in address)
    return [f"ORCPT=rfc822;{xtext}"]


def _apply(ctx: Any, edits: Edits) -> None:
    """Send the header edits: deletions from the highest index down, then our fields from the top
    down."""
    for deletion in edits.delete:
        ctx.chgheader(deletion.name, deletion.index, None)
    for index, (name, value) in enumerate(edits.insert):
        ctx.addheader(name, value, index)


def _address(path: bytes) -> str:
    """An address of MAIL or RCPT without angle brackets; sendmail(1)'s come without any."""
    text = path.decode("utf-8", "replace").strip()
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


def versions() -> Sequence[tuple[str, str]]:
    """(name, version) of pymilter and libmilter, for the log."""
    numbers = milter.getversion()
    return (
        ("pymilter", str(getattr(Milter, "__version__", "?"))),
        ("libmilter", ".".join(map(str, numbers))),
    )
