"""Looks at what is stored: secret, database, Redis, knowledge base. Writes nothing."""

import time
from contextlib import closing
from pathlib import Path
from typing import Final

from mailtriage.config import Config
from mailtriage.config.kb import DEFAULT_INDEX
from mailtriage.doctor.facts import Knowledge, Redis, State, Templates
from mailtriage.doctor.machine import file_system
from mailtriage.doctor.model import Undone
from mailtriage.knowledge.answer_index import open_answers
from mailtriage.knowledge.answers import TemplateError, read_templates
from mailtriage.knowledge.model import KnowledgeError
from mailtriage.knowledge.search import open_index
from mailtriage.state.outbox import Outbox
from mailtriage.state.secret import SecretError, read_secret
from mailtriage.state.sqlite import StateError, open_database, state_errors

_TIME_LIMIT: Final = 2.0
_MOUNTS: Final = Path("/proc/mounts")
_AS_ROOT: Final = "run it as root, or as the user of the service"


def look_at_state(config: Config, undone: list[Undone]) -> State:
    """Secret, database and outbox."""
    secret_fault = ""
    try:
        read_secret(config.state.secret)
    except SecretError as error:
        if isinstance(error.__cause__, PermissionError):
            undone.append(Undone("secret-mode", f"{error}; {_AS_ROOT}"))
        else:
            secret_fault = str(error)
    kind = ""
    if _MOUNTS.exists():
        kind = file_system(config.state.database.parent, _MOUNTS.read_text(errors="replace"))
    fault, dead, oldest, ahead = "", 0, 0.0, 0.0
    try:
        with (
            closing(
                open_database(config.state.database, read_only=True, timeout=_TIME_LIMIT)
            ) as connection,
            state_errors(connection),
        ):
            dead = Outbox(connection).counts().get("DEAD", 0)
            due, created = connection.execute(
                "SELECT (SELECT min(due) FROM outbox WHERE due IS NOT NULL AND state <> 'WAITING'),"
                " (SELECT max(created) FROM outbox)"
            ).fetchone()
            now = time.time()
            oldest = now - due if due is not None else 0.0
            ahead = created - now if created is not None else 0.0
    except (StateError, PermissionError) as error:
        if _closed(config.state.database):
            undone.append(Undone("database", f"{error}; {_AS_ROOT}"))
        else:
            fault = str(error)
    return State(secret_fault, fault, kind, dead, max(oldest, 0.0), max(ahead, 0.0))


def look_at_redis(config: Config, undone: list[Undone]) -> tuple[Redis, ...]:
    """Every Redis that the configuration names."""
    key, url = "customers.redis", config.customers.redis
    found = []
    if url.startswith("redis+sentinel:"):
        undone.append(Undone("redis-durability", f"{key}: sentinels are not asked"))
    elif url:
        found.append(_ask_redis(key, url, undone))
    if config.state.shared and config.mailboxes.mailboxes:
        from mailtriage.doctor.shared import ask_shared

        found.append(ask_shared(config, undone))
    return tuple(found)


def _ask_redis(key: str, url: str, undone: list[Undone]) -> Redis:
    # 18 MB of library, for those who use it.
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=_TIME_LIMIT,
            socket_connect_timeout=_TIME_LIMIT,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        with closing(client):
            client.ping()
            try:
                persistence, memory = client.info("persistence"), client.info("memory")
            except redis.ResponseError as error:
                undone.append(Undone("redis-durability", f"{key}: {error}"))
                return Redis(key, asked=False)
    except (redis.RedisError, OSError, ValueError) as error:
        return Redis(key, fault=str(error))
    return Redis(
        key,
        appends=bool(persistence.get("aof_enabled")),
        eviction=str(memory.get("maxmemory_policy", "noeviction")),
    )


def look_at_knowledge(config: Config, undone: list[Undone]) -> Knowledge | None:
    """The knowledge base: whether it is there, whole and fresh; None where nobody wants one."""
    file, kb = config.kb.index, config.kb
    wanted = bool(kb.sources or kb.sitemaps) or file != DEFAULT_INDEX
    try:
        age = max(0.0, time.time() - file.stat().st_mtime)
    except PermissionError as error:
        if wanted:
            undone.append(Undone("kb-missing", f"{error}; {_AS_ROOT}"))
        return None
    except OSError:
        return Knowledge(missing=True) if wanted else None
    try:
        open_index(file)
    except KnowledgeError as error:
        if _closed(file):
            undone.append(Undone("kb-damaged", f"{error}; {_AS_ROOT}"))
            return None
        return Knowledge(fault=str(error), age=age)
    return Knowledge(age=age)


def look_at_templates(config: Config, undone: list[Undone]) -> Templates | None:
    """The index of answer templates beside its folder; None where there are to be none."""
    folder, file = config.answers.folder, config.answers.index
    if folder is None:
        return None
    try:
        made = file.stat().st_mtime
    except PermissionError as error:
        undone.append(Undone("answers-missing", f"{error}; {_AS_ROOT}"))
        return None
    except OSError:
        return Templates(missing=True)
    try:
        indexed = {(one.id, one.language, one.version) for one in open_answers(file).told}
    except KnowledgeError as error:
        if _closed(file):
            undone.append(Undone("answers-damaged", f"{error}; {_AS_ROOT}"))
            return None
        return Templates(fault=str(error))
    # Of several nodes one may build the index for all, and the others have no folder.
    if not folder.is_dir():
        return Templates()
    try:
        read = read_templates(folder)
        written = {(one.id, one.language, one.version) for one in read.current}
        newest = max(Path(one.file).stat().st_mtime for one in read.all)
    except TemplateError as error:
        return Templates(mistakes=tuple(map(str, error.problems)))
    except OSError:  # a file went while it was looked at
        return Templates(is_behind=True)
    return Templates(is_behind=written != indexed or newest > made)


def _closed(file: Path) -> bool:
    """Whether the file, or its directory, is there but not for us."""
    try:
        with file.open("rb"):
            return False
    except PermissionError:
        return True
    except OSError:
        return False
