"""The real django-helpdesk: a project of its own with SQLite, in a directory of the test.

Each of its queues reads a directory that Postfix delivers to (virtual(8), Maildir). It writes
through the port that it is told, logged in as "agent", so that mailtriage sees its mail as our own.
"""

import json
import os
import pwd
import subprocess
import textwrap
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, Final

from mailtriage.shipped import shipped_directory
from tests.support.site import Site

QUEUES: Final = ("billing", "billing-de", "support")
"""Short names of the queues; each has the address NAME@desk.example, "support" also help@."""

MAIL_USER: Final = "nobody"
"""Whose files Postfix writes: virtual(8) never writes as root."""

_SETTINGS: Final = """\
from pathlib import Path

BASE_DIR = Path({directory!r})
SECRET_KEY = "of the test"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}}}
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.sites", "django.contrib.humanize", "django.contrib.messages",
    "rest_framework", "helpdesk",
]
TEMPLATES = [{{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}}]
ROOT_URLCONF = "urls"
SITE_ID = 1
USE_TZ = True
MEDIA_ROOT = BASE_DIR / "media"
HELPDESK_TEAMS_MODE_ENABLED = False
DEFAULT_FROM_EMAIL = "help@desk.example"
{mail}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""

_BY_SMTP: Final = """\
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", {port}
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = "agent", "secret"
"""
_INTO_FILES: Final = """\
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / "sent"
"""

_URLS: Final = """\
from django.urls import include, path

urlpatterns = [path("helpdesk/", include("helpdesk.urls", namespace="helpdesk"))]
"""

# A queue as its form in Django's admin saves it.
_QUEUES: Final = """
from helpdesk.models import Queue
for name in {names!r}:
    Queue.objects.create(
        title=name.title(), slug=name, email_address="help@desk.example", allow_email_submission=True,
        email_box_type="local", email_box_local_dir={spool!r} + "/" + name + "/new",
        email_box_interval=0, locale="en",
    )
"""

_TICKETS: Final = """
import json
from helpdesk.models import Ticket
print(json.dumps([
    {"number": str(each.id), "queue": each.queue.slug, "priority": each.get_priority_display(),
     "title": each.title, "customer": each.submitter_email,
     "mails": [one.message_id for one in each.followup_set.order_by("id")],
     "texts": [one.comment for one in each.followup_set.order_by("id")],
     "copies": [one.email for one in each.ticketcc_set.all()]}
    for each in Ticket.objects.order_by("id")
]))
"""

SHIPPED: Final = shipped_directory("config") / "helpdesks" / "django-helpdesk"


def installed(program: str) -> Path:
    """A program of the environment that tests/e2e/helpdesks.txt is installed in."""
    place = Path(os.environ.get("MAILTRIAGE_HELPDESKS", ".venv/helpdesks")).absolute()
    found = place / "bin" / program
    if not found.exists():
        raise FileNotFoundError(
            f"{found} is missing: make an environment there with python3 -m venv, and install "
            "tests/e2e/helpdesks.txt in it (MAILTRIAGE_HELPDESKS names another place)"
        )
    return found


@dataclass(frozen=True, slots=True)
class HelpdeskTicket:
    """What django-helpdesk has of a ticket."""

    number: str
    queue: str
    priority: str
    title: str
    customer: str
    mails: tuple[str | None, ...]
    """Message-IDs of its mails, in order."""
    texts: tuple[str, ...]
    copies: tuple[str, ...]
    """Addresses that get copies."""


class DjangoHelpdesk:
    """One installation in a new directory, with a database that is ready."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        """`port`: of 127.0.0.1, that it hands its mail in at; 0: its mail is in `sent`."""
        self.directory: Final = directory
        self.spool: Final = directory / "spool"
        self.spool.mkdir(parents=True)
        directory.chmod(0o755)
        owner = pwd.getpwnam(MAIL_USER)
        os.chown(self.spool, owner.pw_uid, owner.pw_gid)
        for name in QUEUES:
            for part in (name, f"{name}/new", f"{name}/cur", f"{name}/tmp"):
                (self.spool / part).mkdir()
                os.chown(self.spool / part, owner.pw_uid, owner.pw_gid)
        mail = _BY_SMTP.format(port=port) if port else _INTO_FILES
        settings = _SETTINGS.format(directory=str(directory), mail=mail)
        (directory / "settings.py").write_text(settings)
        (directory / "urls.py").write_text(_URLS)
        self._manage("migrate", "--verbosity=0")
        self.shell(_QUEUES.format(names=QUEUES, spool=str(self.spool)))

    def shell(self, script: str) -> str:
        """Run Python in the project, as `manage.py shell` does; what it prints."""
        return self._manage("shell", "-v", "0", "-c", textwrap.dedent(script))

    def silence(self) -> None:
        """Its own acknowledgement off, as README.md says."""
        self._manage("shell", "-v", "0", reads=SHIPPED / "silence.py")

    def load_templates(self) -> None:
        """All of its mails as they were at first."""
        self._manage("loaddata", "--verbosity=0", "emailtemplate")

    def get_email(self) -> str:
        """What cron runs; what it says."""
        return self._manage("get_email", "--debug_to_stdout")

    def tickets(self) -> list[HelpdeskTicket]:
        """All of them, in order."""
        rows: list[dict[str, Any]] = json.loads(self.shell(_TICKETS).splitlines()[-1])
        return [
            HelpdeskTicket(
                row["number"], row["queue"], row["priority"], row["title"], row["customer"],
                tuple(row["mails"]), tuple(row["texts"]), tuple(row["copies"]),
            )
            for row in rows
        ]  # fmt: skip

    def ticket(self, message_id: str) -> HelpdeskTicket:
        """The one ticket that has this mail."""
        (found,) = [each for each in self.tickets() if message_id in each.mails]
        return found

    def put(self, queue: str, name: str, mail: bytes) -> Path:
        """A mail into a queue's directory, without Postfix."""
        file = self.spool / queue / "new" / name
        file.write_bytes(mail.replace(b"\r\n", b"\n"))
        return file

    def sent(self) -> list[Message]:
        """Its own mail so far, where it does not go anywhere."""
        files = sorted((self.directory / "sent").glob("*"))
        mails = [text for file in files for text in file.read_bytes().split(b"\n" + b"-" * 79)]
        return [message_from_bytes(mail.strip()) for mail in mails if mail.strip()]

    def waiting(self) -> int:
        """How many mails it has not taken."""
        return sum(1 for file in self.spool.glob("*/new/*") if file.is_file())

    def deliver_from(self, site: Site) -> None:
        """What README.md has in main.cf and master.cf, for this Postfix."""
        owner = pwd.getpwnam(MAIL_USER)
        homes = {"help@desk.example": "support", **{f"{q}@desk.example": q for q in QUEUES}}
        places = ", ".join(f"{{ {address} = {name}/ }}" for address, name in homes.items())
        routes = ", ".join(f"{{ {address} = helpdesk: }}" for address in homes)
        options = (
            f"virtual_mailbox_base={self.spool}",
            "virtual_mailbox_maps=$helpdesk_boxes",
            "virtual_mailbox_limit=0",
            f"virtual_uid_maps=static:{owner.pw_uid}",
            f"virtual_gid_maps=static:{owner.pw_gid}",
        )
        service = " ".join(("helpdesk unix - n n - - virtual", *(f"-o {one}" for one in options)))
        site.administer(f"""
            postconf -e 'helpdesk_boxes = inline:{{ {places} }}'
            postconf -M 'helpdesk/unix={service}'
            postconf -e "transport_maps = inline:{{ {routes} }}, $(postconf -h transport_maps)"
        """)

    def _manage(self, *arguments: str, reads: Path = Path(os.devnull)) -> str:
        environment = {
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": str(self.directory),
            "LANG": "C.UTF-8",
        }
        with reads.open() as stdin:
            done = subprocess.run(
                [installed("django-admin"), *arguments],
                cwd=self.directory, env=environment, stdin=stdin,
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"django-admin {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout
