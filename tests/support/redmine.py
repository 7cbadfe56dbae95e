"""A private Redmine: Debian's program, with a configuration, a database and a port of its own.

Debian's Redmine is made for several instances, of which each has a directory (Redmine.root of its
lib/redmine/multi_tenancy.rb). This one lies under a temporary directory, where REDMINE_INSTANCE
leads to. One Ruby process makes the SQLite database, loads the default data,
runs the shipped setup.rb and serves HTTP on loopback; nothing of the system's configuration is read
or changed.
"""

import json
import secrets
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.background import Background
from tests.support.postfix import free_port

HANDLER: Final = Path("/usr/share/redmine") / "extra" / "mail_handler" / "rdm-mailhandler.rb"
SETUP: Final = Path(__file__).parents[2] / "config" / "helpdesks" / "redmine" / "setup.rb"

DATABASE_YML: Final = """\
production:
  adapter: sqlite3
  database: {directory}/redmine.sqlite3
  timeout: 10000
"""

CONFIGURATION_YML: Final = """\
production:
  email_delivery:
    delivery_method: :smtp
    smtp_settings:
      address: 127.0.0.1
      port: {smtp}
      domain: localhost
      authentication: :plain
      user_name: agent
      password: secret
      enable_starttls_auto: false
"""

# Debian's Gemfile names the database adapters of the instances below /var/lib/redmine only.
GEMFILE: Final = """\
eval_gemfile "/usr/share/redmine/Gemfile"
gem "sqlite3"
gem "webrick"
"""

# The tasks db:migrate and redmine:load_default_data, and what an administrator clicks: in one
# process, as each start of Rails takes some seconds.
BOOT: Final = """\
# frozen_string_literal: true
require 'json'
require '/usr/share/redmine/config/environment'

wanted = JSON.parse(ARGV.shift)
unless ActiveRecord::Base.connection.table_exists?('users')
  ActiveRecord::Migration.verbose = false
  ActiveRecord::MigrationContext.new(
    Rails.root.join('db/migrate').to_s, ActiveRecord::SchemaMigration
  ).migrate
  ActiveRecord::Base.descendants.each(&:reset_column_information)
  Redmine::DefaultData::Loader.load('en')
  Setting.mail_handler_api_key = wanted['key']
  Setting.mail_from = wanted['address']
  Setting.host_name = 'redmine.desk.example'
  wanted['projects'].each do |identifier|
    Project.create!(name: identifier.capitalize, identifier: identifier, is_public: false,
                    trackers: Tracker.all, enabled_module_names: ['issue_tracking'])
    ARGV.replace([identifier, *wanted['categories']])
    load wanted['setup']
  end
end
require 'rack/handler/webrick'
Rack::Handler::WEBrick.run(
  Rails.application,
  Host: '127.0.0.1', Port: wanted['port'], AccessLog: [], Logger: WEBrick::Log.new(IO::NULL)
)
"""


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue, in the words that people see."""

    number: int
    project: str
    tracker: str
    category: str
    """Empty: none."""
    priority: str
    status: str
    subject: str
    text: str
    author: str
    """Mail address."""
    notes: tuple[str, ...]


_ISSUES: Final = """
    SELECT issues.id, projects.identifier, trackers.name, COALESCE(issue_categories.name, ''),
        enumerations.name, issue_statuses.name, issues.subject, issues.description,
        email_addresses.address
    FROM issues
    JOIN projects ON projects.id = issues.project_id
    JOIN trackers ON trackers.id = issues.tracker_id
    LEFT JOIN issue_categories ON issue_categories.id = issues.category_id
    JOIN enumerations ON enumerations.id = issues.priority_id
    JOIN issue_statuses ON issue_statuses.id = issues.status_id
    JOIN email_addresses ON email_addresses.user_id = issues.author_id
    ORDER BY issues.id
"""
_NOTES: Final = "SELECT notes FROM journals WHERE journalized_id = ? AND notes <> '' ORDER BY id"


class Redmine:
    """One instance. Use as a context manager."""

    def __init__(
        self,
        directory: Path,
        *,
        smtp_port: int,
        address: str,
        projects: Sequence[str],
        categories: Sequence[str],
    ) -> None:
        """`directory` is made; Redmine's mail leaves through `smtp_port`, logged in as an agent, from
        `address`."""
        self.directory: Final = directory
        self.port: Final = free_port()
        self.key: Final = secrets.token_hex(16)
        self.key_file: Final = directory / "key"
        self._log_file: Final = directory / "log" / "production.log"
        self._server: Final = Background("Redmine", directory / "output")
        self._wanted: Final = {
            "port": self.port, "key": self.key, "address": address, "setup": str(SETUP),
            "projects": list(projects), "categories": list(categories),
        }  # fmt: skip
        directory.mkdir()
        for name in ("config", "log", "tmp", "files", "public/plugin_assets"):
            (directory / name).mkdir(parents=True)
        files = {
            "config/database.yml": DATABASE_YML.format(directory=directory),
            "config/configuration.yml": CONFIGURATION_YML.format(smtp=smtp_port),
            "config/secret_key.txt": secrets.token_hex(32),
            "Gemfile": GEMFILE,
            "boot.rb": BOOT,
            "key": f"{self.key}\n",
        }
        for name, content in files.items():
            (directory / name).write_text(content)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, with the database that is there; returns when it answers."""
        # From the root of the file system: Debian's directory of instances is a symbolic link.
        instance = f"{'../' * 12}{self.directory.relative_to('/')}"
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(self.directory), "LANG": "C.UTF-8",
            "RAILS_ENV": "production", "REDMINE_INSTANCE": instance,
            "BUNDLE_GEMFILE": str(self.directory / "Gemfile"), "BUNDLER_VERSION": _bundler(),
        }  # fmt: skip
        command = ["/usr/bin/ruby", str(self.directory / "boot.rb"), json.dumps(self._wanted)]
        self._server.start(command, self._answers, cwd=self.directory, environment=environment)

    def stop(self) -> None:
        """End it, as when its machine goes away."""
        self._server.stop(signal.SIGKILL)

    def issues(self) -> list[Issue]:
        """All issues, oldest first."""
        with closing(sqlite3.connect(self.directory / "redmine.sqlite3", timeout=10)) as database:
            rows = database.execute(_ISSUES).fetchall()
            return [Issue(*(*row, self._notes(database, row[0]))) for row in rows]

    def issues_of(self, author: str) -> list[Issue]:
        """Those that one address has written."""
        return [issue for issue in self.issues() if issue.author == author]

    def log(self) -> str:
        """What it logged, and what it printed."""
        files = (self._log_file, self._server.output)
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    @staticmethod
    def _notes(database: sqlite3.Connection, number: int) -> tuple[str, ...]:
        return tuple(note for (note,) in database.execute(_NOTES, (number,)))

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/mail_handler?key={self.key}", timeout=60) as response:
                return bool(response.status == 200)
        except (URLError, ConnectionError):
            return False


def why_not() -> str:
    """Why no Redmine can run here; empty when it can."""
    missing = [name for name in ("ruby",) if shutil.which(name) is None]
    if missing or not HANDLER.exists():
        return "Debian's packages redmine, redmine-sqlite and ruby-webrick are not installed"
    return ""


def _bundler() -> str:
    """Version of Debian's Bundler: a newer one that Ruby brings along does not find Debian's gems."""
    done = subprocess.run(
        ["/usr/bin/dpkg-query", "-W", "-f", "${Version}", "ruby-bundler"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.partition("-")[0]
