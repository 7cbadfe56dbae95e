"""What only shows when the whole configuration is seen: keys against each other, and files."""

import grp
import os
import re
import ssl
import stat
from pathlib import Path
from typing import Final

from mailtriage.config.ack_checks import check_acks
from mailtriage.config.follow_ups import check_follow_ups
from mailtriage.config.places import check_places
from mailtriage.config.report import NOT_FOR_MAIN_CF, Report
from mailtriage.config.sections import Config
from mailtriage.config.trial import check_trial
from mailtriage.toml_lines import KeyPath
from mailtriage.toml_source import UNREADABLE_HINT, did_you_mean

_SENDERS_PATIENCE: Final = 20.0
"""Seconds that a sender easily waits for the answer to its mail."""

_WHERE_IN_PYTHON: Final = re.compile(r"^\[[^\]]*\] | \(_ssl\.c:\d+\)$")


def cross_check(config: Config, report: Report) -> None:
    """Report everything that is wrong or doubtful about a configuration whose keys are all fine."""
    _check_milter(config, report)
    _check_proxy(config, report)
    _check_metrics(config, report)
    check_places(config, report)
    _check_networks(config, report)
    _check_files(config, report)
    _check_tls(config, report)
    check_acks(config, report)
    check_follow_ups(config.follow_ups.returns, config.mailboxes, report)
    check_trial(config.dry_run, config.exempt, config.mailboxes, report)


def _check_milter(config: Config, report: Report) -> None:
    milter = config.milter
    if milter.deadline > _SENDERS_PATIENCE:
        report(
            ("milter", "deadline"),
            "senders are kept waiting as long when an analysis hangs, and may send again",
            "Postfix must wait longer still: paste again what mailtriage postfix prints",
            warning=True,
        )
    if milter.listen.kind == "unix" and milter.socket_mode & stat.S_IWOTH:
        report(
            ("milter", "socket_mode"),
            "every user of this machine can connect",
            'write "0660" and name Postfix\'s group in socket_group',
            warning=True,
        )
    if milter.listen.kind == "unix" and NOT_FOR_MAIN_CF.search(milter.listen.path):
        report(
            ("milter", "listen"),
            "main.cf has no way to write a path with blanks, commas, braces, quotes or $",
        )
    if milter.socket_group:
        try:
            grp.getgrnam(milter.socket_group)
        except KeyError:
            report(("milter", "socket_group"), f'there is no group "{milter.socket_group}" here')


def _check_proxy(config: Config, report: Report) -> None:
    smtp = config.smtp
    if smtp.tls_key is not None and smtp.tls_certificate is None:
        report(("smtp", "tls_key"), "a key without tls_certificate")
    if smtp.next_hop_tls != "none" and smtp.next_hop.path:
        report(("smtp", "next_hop_tls"), "there is no TLS over a unix socket", 'write "none"')
    if smtp.next_hop_ca_file is not None and smtp.next_hop_tls != "required":
        what = 'has no effect unless next_hop_tls is "required"'
        report(("smtp", "next_hop_ca_file"), what)
    if smtp.listen is None:
        return
    if smtp.listen.kind == "fd":
        report(("smtp", "listen"), "only the milter can inherit its socket", "name an address")
    if not smtp.listen.loopback:
        report(
            ("smtp", "listen"),
            "reachable from other machines",
            "the next hop sees every mail come from this machine: "
            "it must not relay for this address, or all the world may",
            warning=True,
        )


def _check_metrics(config: Config, report: Report) -> None:
    metrics = config.metrics
    if metrics.listen is None:
        return
    if metrics.listen.kind == "fd":
        report(("metrics", "listen"), "only the milter can inherit its socket", "name an address")
    if metrics.listen.loopback:
        return
    strangers = [
        (number, network)
        for number, network in enumerate(metrics.networks.networks)
        if not network.is_loopback
    ]
    if not strangers:
        report(
            ("metrics", "listen"),
            "reachable from other machines, and answers none of them",
            "name that of Prometheus in metrics.networks",
            warning=True,
        )
    for number, network in strangers:
        if network.is_global or network.prefixlen == 0:
            report(
                ("metrics", "networks", number),
                f"{network} may read how many customers write, and of what, unencrypted",
                "name a network of your own",
                warning=True,
            )


def _check_networks(config: Config, report: Report) -> None:
    for number, network in enumerate(config.networks.outbound.networks):
        if network.prefixlen == 0:
            report(
                ("networks", "outbound", number),
                f"{network} holds every address: all mail counts as outbound, and none is tagged",
                warning=True,
            )


def _check_files(config: Config, report: Report) -> None:
    files: list[tuple[KeyPath, Path | None]] = [
        (("smtp", "next_hop_ca_file"), config.smtp.next_hop_ca_file),
        (("smtp", "tls_certificate"), config.smtp.tls_certificate),
        (("smtp", "tls_key"), config.smtp.tls_key),
        (("log", "hash_key_file"), config.log.hash_key_file),
    ]
    for number, customers in enumerate(config.customers.files):
        files.append((("customers", "files", number), customers))
    for path, file in files:
        if file is not None:
            _check_readable(path, file, report)
    for number, directory in enumerate(config.policies.directories):
        _check_readable(("policies", "directories", number), directory, report, directory=True)
    if config.ack.templates is not None:
        _check_readable(("ack", "templates"), config.ack.templates, report, directory=True)
    if not config.policies.shipped and not config.policies.directories:
        what = "false, and no directories are named: every mail gets the skill general"
        report(("policies", "shipped"), what, warning=True)


def _check_readable(path: KeyPath, file: Path, report: Report, *, directory: bool = False) -> None:
    try:
        is_directory = stat.S_ISDIR(file.stat().st_mode)
    except FileNotFoundError:
        report(path, f"{file} is not there", _nearest(file))
        return
    except OSError as error:
        report(path, f"{file} cannot be read: {(error.strerror or 'unknown error').lower()}")
        return
    needed = os.R_OK | os.X_OK if directory else os.R_OK
    if is_directory and not directory:
        report(path, f"{file} is a directory, not a file")
    elif directory and not is_directory:
        report(path, f"{file} is not a directory", "name the directory that it lies in")
    elif not os.access(file, needed, effective_ids=True):
        report(path, f"{file} cannot be read: permission denied", UNREADABLE_HINT)


def _check_tls(config: Config, report: Report) -> None:
    """Whether OpenSSL takes the files; the door that they are for could not open otherwise."""
    smtp = config.smtp
    certificate, key, authorities = smtp.tls_certificate, smtp.tls_key, smtp.next_hop_ca_file
    if certificate is not None and _is_readable(certificate) and (not key or _is_readable(key)):
        try:
            # A key with a passphrase would have OpenSSL ask for it at the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
        except (OSError, ValueError) as error:
            report(
                ("smtp", "tls_certificate"),
                f"not a certificate with its key: {_tls_reason(error)}",
                "both in PEM, the key without a passphrase",
            )
    if authorities is not None and smtp.next_hop_tls == "required" and _is_readable(authorities):
        try:
            ssl.create_default_context(cafile=authorities)
        except OSError as error:
            what = f"not certificates of authorities in PEM: {_tls_reason(error)}"
            report(("smtp", "next_hop_ca_file"), what)


def _is_readable(file: Path) -> bool:
    return os.access(file, os.R_OK, effective_ids=True) and file.is_file()


def _tls_reason(error: Exception) -> str:
    """What OpenSSL says, without where in Python it says it."""
    return _WHERE_IN_PYTHON.sub("", str(error))


def _nearest(missing: Path) -> str:
    try:
        names = sorted(neighbour.name for neighbour in missing.parent.iterdir())
    except OSError:
        return f"nor can {missing.parent} be listed"
    return did_you_mean(missing.name, names)
