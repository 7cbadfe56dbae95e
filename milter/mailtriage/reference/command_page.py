"""mailtriage(8), from the click commands: what `--help` says of each, on one page.

A command that is added to `cli` appears here without a change.
"""

import inspect
from typing import Final

import click

from mailtriage.config import DIRECTORY, MAIN_FILE, PARTS
from mailtriage.config.sections import DEFAULT_DATABASE, DEFAULT_MODEL
from mailtriage.reference.roff import display, escaped, page, paragraph, prose, tagged, word

NAME: Final = "mailtriage"
_AS_IT_IS: Final = "\b"
"""What click takes a paragraph as it is for."""


def command_page(cli: click.Group) -> str:
    """The page of the command and all its subcommands."""
    top = _context(cli, NAME, None)
    body = [
        ".Sh SYNOPSIS",
        *_call(cli, top),
        ".Sh DESCRIPTION",
        *_help(cli)[1:],
        ".Sh OPTIONS",
        *_options(cli, top, with_help=True),
        *paragraph("Every command knows `--help`, too."),
        ".Sh COMMANDS",
    ]
    for command, context in _below(cli, top):
        body += [f".Ss {escaped(context.command_path)}", *_usage(command, context)]
        body += [*_help(command), *_options(command, context, with_help=False)]
    body += [
        ".Sh FILES",
        *_files(),
        ".Sh EXIT STATUS",
        *prose((cli.epilog or "").removeprefix("Exit codes: ").capitalize()),
        ".Sh SEE ALSO",
        ".Xr mailtriage-policy 5 ,",
        ".Xr mailtriage.toml 5 ,",
        ".Xr master 5 ,",
        ".Xr postconf 5",
    ]
    return page(NAME, 8, "sorts and acknowledges customer-service mail in Postfix", body)


def commands(cli: click.Group) -> list[str]:
    """The full name of every command, in the order of the page."""
    return [context.command_path for _, context in _below(cli, _context(cli, NAME, None))]


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(command, info_name=name, parent=parent, **command.context_settings)


def _below(group: click.Group, above: click.Context) -> list[tuple[click.Command, click.Context]]:
    """Each command of a group, in its own order; below a group its commands."""
    found = []
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        if command is None or command.hidden:
            continue
        context = _context(command, name, above)
        found.append((command, context))
        if isinstance(command, click.Group):
            found += _below(command, context)
    return found


def _call(command: click.Command, context: click.Context) -> list[str]:
    """The synopsis of mailtriage itself: its options, and a command."""
    lines = [".Nm"]
    for option in _written(command, context, with_help=False):
        names, value = option.opts[-1], _value(option, context)
        lines.append(f".Op Fl {word(names[1:])}{value}" + (" ..." if option.multiple else ""))
    return [*lines, ".Ar COMMAND", ".Op Ar ARGUMENT ..."]


def _usage(command: click.Command, context: click.Context) -> list[str]:
    pieces = command.collect_usage_pieces(context)
    if not _written(command, context, with_help=False):
        pieces.remove("[OPTIONS]")
    name = context.command_path.partition(" ")[2]
    return [".Nm", f".Cm {word(name)}", *(f".Ar {word(piece)}" for piece in pieces)]


def _help(command: click.Command) -> list[str]:
    """The text of the command, paragraph for paragraph."""
    lines: list[str] = []
    for part in inspect.cleandoc(command.help or command.short_help or "").split("\n\n"):
        if part.startswith(_AS_IT_IS):
            lines += display(part.removeprefix(_AS_IT_IS).strip("\n").splitlines())
        else:
            lines += paragraph(part)
    return lines


def _written(
    command: click.Command, context: click.Context, *, with_help: bool
) -> list[click.Option]:
    params = command.get_params(context) if with_help else command.params
    options = [each for each in params if isinstance(each, click.Option) and not each.hidden]
    return [each for each in options if with_help or "--version" not in each.opts]


def _options(command: click.Command, context: click.Context, *, with_help: bool) -> list[str]:
    items = []
    for option in _written(command, context, with_help=with_help):
        record = option.get_help_record(context)
        spelled = " , ".join(
            f"Fl {word(name[1:])}" for name in (*option.opts, *option.secondary_opts)
        )
        items.append(
            ([f".It {spelled}{_value(option, context)}"], prose(record[1] if record else ""))
        )
    return tagged(items)


def _value(option: click.Option, context: click.Context) -> str:
    return "" if option.is_flag or option.count else f" Ar {word(option.make_metavar(context))}"


def _files() -> list[str]:
    files = (
        (DIRECTORY / MAIN_FILE, "The configuration."),
        (DIRECTORY / PARTS, "Files `*.toml` that are read after it, by name."),
        (DEFAULT_DATABASE, "Conversations, limits and the outbox."),
        (DEFAULT_DATABASE.with_name("secret"), "What signs and hashes. Keep a copy."),
        (DEFAULT_MODEL, "The model made by `mailtriage train`, if there is one."),
    )
    return tagged([([f".It Pa {place}"], prose(text)) for place, text in files])
