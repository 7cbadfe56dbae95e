"""What a check says, and how commands that mend something are written."""

import re
import shlex
from dataclasses import dataclass
from typing import Final, Literal

BLANKS: Final = r"\s+"

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that is to be known."""

    id: str
    """Stable, so that monitoring can name it; docs/doctor.md lists them all."""
    severity: Severity
    """An error costs tags, acknowledgements or safety now; a warning may, some day; what is there
    for information is as somebody wished it."""
    what: str
    why: str
    command: str
    """For a root shell; what only a person can do is a comment in it."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A check that could not be made."""

    id: str
    """Of the finding that it might have been."""
    why: str


@dataclass(frozen=True, slots=True)
class Shell:
    """How the administrator's commands are called on this machine."""

    config: tuple[str, ...] = ()
    """The files of `mailtriage --config`."""
    postfix: str = ""
    """The directory of `postconf -c`; empty: Postfix's own."""

    @property
    def directory(self) -> str:
        """Where main.cf is."""
        return self.postfix or "/etc/postfix"

    def mailtriage(self, command: str) -> str:
        """A call of mailtriage with this configuration."""
        files = "".join(f" --config {shlex.quote(file)}" for file in self.config)
        return f"mailtriage{files} {command}"

    def rewire(self, signer: str = "") -> str:
        """What `mailtriage postfix` prints, done; `signer` is what it takes by that name."""
        call = self.mailtriage("postfix")
        told = f"signer={shlex.quote(signer)} " if signer else ""
        if not self.postfix:
            return f"{call} | {told}sh -eu"
        place = shlex.quote(self.postfix)
        moved = shlex.quote(f"s,/etc/postfix,{self.postfix},g")
        return f"{call} | sed {moved} | {told}MAIL_CONFIG={place} sh -eu"

    def postconf(self, option: str, *settings: str) -> str:
        """Settings changed with postconf(1), and taken up."""
        words = " ".join(shlex.quote(setting) for setting in settings)
        return f"postconf{self._place} {option} {words} && postfix{self._place} reload"

    def set_main(self, parameter: str, value: str) -> str:
        """A parameter of main.cf set."""
        return self.postconf("-e", f"{parameter} = {value}")

    def set_for(self, service: str, parameter: str, value: str) -> str:
        """A parameter of one service of master.cf set; `service` as in "smtp/inet", or empty for
        main.cf."""
        if not service:
            return self.set_main(parameter, value)
        # postconf -P takes no blanks; commas stand for them, in braces too.
        words = re.sub(r"\s*([,={}])\s*", r"\1", value.strip())
        return self.postconf("-P", f"{service}/{parameter}={re.sub(BLANKS, ',', words)}")

    @property
    def _place(self) -> str:
        return f" -c {shlex.quote(self.postfix)}" if self.postfix else ""
