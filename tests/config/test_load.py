"""Files and defaults become one configuration, and every value knows where it came from."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.config import ConfigError, Loaded, Mailbox, SocketAddress, describe, load
from mailtriage.config.endpoints import NextHop

WriteToml = Callable[..., Path]
Load = Callable[[str], Loaded]


# --- defaults


def test_without_any_file_everything_has_its_default(tmp_path: Path) -> None:
    loaded = load(directory=tmp_path)
    config = loaded.config
    assert loaded.files == ()
    assert config.milter.listen == SocketAddress("unix", path="/run/mailtriage/milter.sock")
    assert config.milter.socket_mode == 0o660
    assert (config.milter.workers, config.milter.deadline) == (0, 2.0)
    assert config.milter.max_scan_bytes == 256 * 1024
    assert config.smtp.listen is None
    assert config.smtp.next_hop == NextHop("smtp", "127.0.0.1", 10026)
    assert config.networks.outbound.contains("127.0.0.1")
    assert config.mailboxes.mailboxes == ()
    assert config.state.scheme == "sqlite"
    assert config.policies.shipped


def test_the_default_directory_need_not_be_there(tmp_path: Path) -> None:
    assert load(directory=tmp_path / "absent").files == ()


def test_without_trusted_names_a_warning_says_that_no_acknowledgement_is_sent(
    write: WriteToml,
) -> None:
    box = '[mailboxes."help@desk.example"]\n'
    file = write(f'{box}ack = "delegate"\n[authentication]\ntrusted_authserv_ids = []\n')
    (warning,) = load([file]).problems
    assert str(warning).startswith(
        f"{file}:4: authentication.trusted_authserv_ids: warning: empty: no acknowledgement is sent"
    )
    file = write(f'{box}[authentication]\ntrusted_authserv_ids = ["MX.desk.example"]\n')
    loaded = load([file])
    assert loaded.problems == ()
    assert loaded.config.authentication.trusted_authserv_ids == ("mx.desk.example",)


@pytest.mark.parametrize("toml", ["", '[mailboxes."help@desk.example"]\nack = "off"\n'])
def test_who_wants_tags_alone_is_not_told_of_acknowledgements(write: WriteToml, toml: str) -> None:
    assert load([write(toml)]).problems == ()


def test_a_configuration_can_be_pickled(loaded: Load) -> None:
    config = loaded('[mailboxes."a@b.example"]\n[networks]\noutbound = ["192.0.2.0/24"]').config
    config.networks.outbound.contains("192.0.2.1")
    assert pickle.loads(pickle.dumps(config)) == config


# --- layers


def test_later_files_override_earlier_ones_key_by_key(tmp_path: Path, write: WriteToml) -> None:
    main = write('[milter]\nworkers = 1\nqueue = 5\n[log]\nlevel = "debug"\n')
    first = write("[milter]\nworkers = 2\nanalysers = 3\n", "conf.d/10-a.toml")
    second = write('\n\n[milter]\nanalysers = 4\n[log]\nlevel = "error"', "conf.d/20-b.toml")
    write("broken", "conf.d/.30-c.toml")
    write("broken", "conf.d/40-d.toml.bak")
    loaded = load(directory=tmp_path)
    assert loaded.files == (str(main), str(first), str(second))
    milter = loaded.config.milter
    assert (milter.workers, milter.queue, milter.analysers) == (2, 5, 4)
    assert describe(loaded, changed=True) == [
        ("milter.workers", "2", f"{first}:2"),
        ("milter.analysers", "4", f"{second}:4"),
        ("milter.queue", "5", f"{main}:3"),
        ("log.level", '"error"', f"{second}:6"),
    ]


def test_arrays_are_replaced_and_tables_merged(write: WriteToml) -> None:
    first = write(
        """
        [networks]
        outbound = ["192.0.2.0/24", "198.51.100.0/24"]
        [mailboxes."help@desk.example"]
        ack = "off"
        skills = ["billing", "sales"]
        """,
        "a.toml",
    )
    second = write(
        """
        [networks]
        outbound = ["203.0.113.0/24"]
        [mailboxes."help@desk.example"]
        skills = ["technical"]
        [mailboxes."vip@desk.example"]
        """,
        "b.toml",
    )
    config = load([first, second]).config
    assert not config.networks.outbound.contains("192.0.2.1")
    assert config.networks.outbound.contains("203.0.113.1")
    assert config.mailboxes.mailboxes == (
        Mailbox("help@desk.example", ack="off", skills=("technical",)),
        Mailbox("vip@desk.example"),
    )


def test_named_files_replace_the_default_ones(tmp_path: Path, write: WriteToml) -> None:
    write("[milter]\nworkers = 7\n")
    named = write("[milter]\nanalysers = 3\n", "named.toml")
    config = load([named], directory=tmp_path).config
    assert (config.milter.workers, config.milter.analysers) == (0, 3)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load([tmp_path / "absent.toml"])
    assert str(caught.value) == (
        f"{tmp_path}/absent.toml:1: cannot be read: no such file or directory"
    )


# --- every mistake at once


def errors_of(files: list[Path]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(files)
    return [str(problem) for problem in caught.value.problems if not problem.warning]


def test_all_mistakes_of_all_files_are_listed_at_once(tmp_path: Path, write: WriteToml) -> None:
    main = write('[milter]\nworker = 1\ndeadline = "2"\n[log]\nlevel = "loud"\n')
    broken = write("[milter]\nqueue = \n", "conf.d/1.toml")
    last = write("[stat]\n", "conf.d/2.toml")
    with pytest.raises(ConfigError) as caught:
        load(directory=tmp_path)
    form = 'write a number and one of ms, s, m, h, d: "500ms", "2s", "5m"'
    assert [str(problem) for problem in caught.value.problems] == [
        f"{broken}:2: not TOML: invalid value",
        f"{last}:1: stat: unknown key — did you mean 'state'?",
        f"{main}:2: milter.worker: unknown key — did you mean 'workers'?",
        f'{main}:3: milter.deadline: "2" has no unit — {form}',
        f'{main}:5: log.level: "loud" is not one of debug, info, warning, error',
    ]


def test_a_mistake_counts_even_where_a_later_file_overrides_it(write: WriteToml) -> None:
    first, second = write("[milter]\nqueue = 0", "a.toml"), write("[milter]\nqueue = 1", "b.toml")
    assert errors_of([first, second]) == [
        f"{first}:2: milter.queue: 0 is out of range — expected 1 to 10000"
    ]


def test_one_alias_in_two_files_is_seen(write: WriteToml) -> None:
    first = write('[mailboxes."a@x.example"]\naliases = ["c@x.example"]', "a.toml")
    second = write('[mailboxes."b@x.example"]\n\naliases = ["C@x.example"]', "b.toml")
    what = "c@x.example is an alias of a@x.example already"
    assert errors_of([first, second]) == [f'{second}:3: mailboxes."b@x.example".aliases[0]: {what}']


def test_warnings_are_listed_with_the_errors(write: WriteToml) -> None:
    file = write('[milter]\nqueue = 0\nsocket_mode = "0666"\n')
    with pytest.raises(ConfigError) as caught:
        load([file])
    assert [(p.path, p.warning) for p in caught.value.problems] == [
        ("milter.queue", False),
        ("milter.socket_mode", True),
    ]


def test_what_follows_from_a_mistake_is_not_reported_too(write: WriteToml) -> None:
    """The names are empty only because the one that is given is wrong."""
    file = write('[authentication]\ntrusted_authserv_ids = ["mx desk"]\n[mailboxes."a@b.example"]')
    with pytest.raises(ConfigError) as caught:
        load([file])
    assert [problem.what for problem in caught.value.problems] == [
        '"mx desk" is not the authserv-id of a server'
    ]


# --- what mailtriage config shows


def test_the_description_holds_every_key_and_its_origin(tmp_path: Path, write: WriteToml) -> None:
    file = write('[milter]\nworkers = 0\n[mailboxes."a@x.example"]\nack = "off"\n')
    loaded = load([file])
    rows = {path: (value, origin) for path, value, origin in describe(loaded)}
    assert rows["milter.listen"] == ('"unix:/run/mailtriage/milter.sock"', "default")
    assert rows["milter.workers"] == ("0", f"{file}:2")
    assert rows['mailboxes."a@x.example".ack'] == ('"off"', f"{file}:4")
    assert rows['mailboxes."a@x.example".aliases'] == ("[]", "default")
    assert rows["networks.outbound"] == ('["127.0.0.0/8", "::1/128"]', "default")
    changed = [path for path, _, _ in describe(loaded, changed=True)]
    assert changed == ['mailboxes."a@x.example".ack']


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://redis.example:6379/0", "redis://redis.example:6379/0"),
        ("redis://:s3cret@redis.example/0", "redis://:***@redis.example/0"),
        ("rediss://app:s3:c%2Fr%40et@redis.example", "rediss://app:***@redis.example"),
        (
            "redis+sentinel://u:s3cret@a:26379,b:26379/main/0?sentinel_password=s3cret&x=1",
            "redis+sentinel://u:***@a:26379,b:26379/main/0?sentinel_password=***&x=1",
        ),
    ],
)
def test_passwords_are_masked(loaded: Load, url: str, shown: str) -> None:
    found = loaded(f"[state]\nurl = '{url}'\n[customers]\nredis = '{url}'")
    rows = {path: value for path, value, _ in describe(found)}
    assert rows["state.url"] == rows["customers.redis"] == f'"{shown}"'
    assert found.config.state.url == url
    assert "s3" not in repr(found.config)


# --- mailboxes


def test_a_mailbox_is_found_by_address_alias_and_domain(loaded: Load) -> None:
    mailboxes = loaded(
        """
        [mailboxes."*@desk.example"]
        [mailboxes."Help@Desk.example"]
        aliases = ["Support@desk.example", "*@help.example"]
        """
    ).config.mailboxes
    found = {
        address: mailbox.address if (mailbox := mailboxes.find(address)) else None
        for address in (
            "help@desk.example",
            "HELP@DESK.EXAMPLE",
            "support@desk.example",
            "anybody@desk.example",
            "anybody@help.example",
            "anybody@sub.desk.example",
            "",
        )
    }
    assert found == {
        "help@desk.example": "help@desk.example",
        "HELP@DESK.EXAMPLE": "help@desk.example",
        "support@desk.example": "help@desk.example",
        "anybody@desk.example": "*@desk.example",
        "anybody@help.example": "help@desk.example",
        "anybody@sub.desk.example": None,
        "": None,
    }


@pytest.mark.parametrize("written", ["help@bücher.example", "Help@xn--bcher-kva.Example"])
@pytest.mark.parametrize("asked", ["help@xn--bcher-kva.example", "HELP@BÜCHER.example"])
def test_a_domain_is_the_same_however_it_is_spelled(loaded: Load, written: str, asked: str) -> None:
    found = loaded(f'[mailboxes."{written}"]\n').config.mailboxes
    assert found.find(asked) is found.mailboxes[0]
    everyone = loaded(f'[mailboxes."*@{written.partition("@")[2]}"]\n').config.mailboxes
    assert everyone.find(asked) is everyone.mailboxes[0]


def test_every_address_is_kept_in_a_labels(loaded: Load) -> None:
    config = loaded(
        """
        [mailboxes."help@desk.example"]
        aliases = ["help@bücher.example"]
        from = "Help@Bücher.example"
        reply_to = "answers@bücher.example"
        [ack]
        allow = ["abuse@bücher.example"]
        deny = ["joe@bücher.example", "@bücher.example", "/joe@bücher/"]
        own_addresses = ["@bücher.example"]
        """
    ).config
    (box,) = config.mailboxes.mailboxes
    domain = "xn--bcher-kva.example"
    assert (box.aliases, box.sender) == ((f"help@{domain}",), f"help@{domain}")
    assert box.reply_to == f"answers@{domain}"
    assert config.ack.allow == (f"abuse@{domain}",)
    assert config.ack.deny == (f"joe@{domain}", f"@{domain}", "/joe@bücher/")
    assert config.ack.own_addresses == (f"@{domain}",)


def test_of_one_address_in_two_spellings_the_first_counts(loaded: Load) -> None:
    found = loaded(
        '[mailboxes."a@bücher.example"]\nack = "off"\n[mailboxes."a@xn--bcher-kva.example"]\n'
        "[authentication]\ntrusted_authserv_ids = ['mx.example']\n"
    )
    (problem,) = found.problems
    assert (problem.line, problem.what, problem.hint) == (
        3,
        "a@xn--bcher-kva.example is there twice",
        '"a@bücher.example" is enough, and counts',
    )
    assert [each.ack for each in found.config.mailboxes.by_address.values()] == ["off"]


def test_acknowledgements_come_from_an_address_that_is_one(loaded: Load) -> None:
    (box,) = loaded(
        '[mailboxes."*@desk.example"]\naliases = ["*@shop.example", "help@desk.example"]'
    ).config.mailboxes.mailboxes
    assert box.from_address == "help@desk.example"
