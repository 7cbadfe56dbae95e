"""What the template of a mail to customers may do: print names, and leave lines out.

Jinja2 without its loops, calls, macros, assignments and arithmetic. An administrator's text then
cannot grow, run or reach anything, whatever stands in it, so that rendering needs no guard against
time and size; and a mistyped name is found when the text is loaded, not when a customer writes.
The one loop there is goes over the five votes of a survey, and never stands in itself.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailtriage.toml_source import did_you_mean

NAMES: Final = (
    "received", "by", "reference", "desk", "opening", "opens", "busy", "late", "generic", "kb",
    "urgent", "privacy",
)  # fmt: skip
"""What a template may use; policies/acks/README.md says what each holds."""

KB_PARTS: Final = ("title", "url", "quote")
VOTE_PARTS: Final = ("value", "label", "url")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one kind of text may use."""

    names: tuple[str, ...]
    not_printed: Mapping[str, str]
    """Names that are no text, and what to write instead of printing them."""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that have parts ("kb.title"), and which."""
    each: tuple[str, str] = ("", "")
    """The one loop: what an item is called, and the name that holds them; empty: no loop."""

    @property
    def means(self) -> str:
        """What a text can be made of, as a hint."""
        item, items = self.each
        if not item:
            return "a text has names and if"
        return f"a text has names, if, and one {{% for {item} in {items} %}}"


ACK: Final = Vocabulary(
    NAMES,
    {name: f"write {{% if {name} %}}" for name in ("busy", "late", "generic", "kb")},
    {"kb": KB_PARTS},
)
UPDATE: Final = Vocabulary(
    ("received", "promised", "by", "reference", "desk", "busy", "again", "urgent", "privacy"),
    {name: f"write {{% if {name} %}}" for name in ("busy", "again")},
)
SURVEY: Final = Vocabulary(
    ("received", "reference", "desk", "votes", "opt_out", "privacy"),
    {"votes": "write {% for vote in votes %}", "vote": "write {{ vote.label }}: {{ vote.url }}"},
    {"vote": VOTE_PARTS},
    ("vote", "votes"),
)

MAX_TEMPLATE: Final = 8 * 1024
"""Characters of one template."""

_FILTERS: Final = ("capitalize", "e", "escape", "lower", "trim", "upper")
_TESTS: Final = ("none",)
_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name,
    nodes.Getattr, nodes.Const, nodes.Tuple, nodes.List, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Concat, nodes.Filter, nodes.Test,
)  # fmt: skip
_CALLED: Final = {
    nodes.For: "loops", nodes.Call: "calls", nodes.Assign: "set", nodes.AssignBlock: "set",
    nodes.Macro: "macros", nodes.Include: "include", nodes.Extends: "extends",
    nodes.Getitem: "subscripts", nodes.FilterBlock: "filter blocks", nodes.With: "with",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a template."""

    line: int
    """Within the template, from 1."""
    what: str
    hint: str = ""


def compile_template(
    source: str, *, html: bool, words: Vocabulary = ACK
) -> jinja2.Template | list[Fault]:
    """A template that is safe to render with a value for each name, or all that is wrong.

    `words`: what it may use. In `html` every value is escaped.
    """
    if len(source) > MAX_TEMPLATE:
        return [Fault(1, f"is longer than {MAX_TEMPLATE} characters")]
    environment = _HTML if html else _PLAIN
    try:
        tree = environment.parse(source)
        faults = [*_forbidden(tree, words), *_unknown_names(tree, words.names, words)]
        return sorted(faults, key=lambda fault: fault.line) or environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        return [Fault(error.lineno, f"not a template: {error.message}")]
    except RecursionError:
        return [Fault(1, "is nested too deeply")]


def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


_PLAIN: Final = _environment(html=False)
_HTML: Final = _environment(html=True)


def _forbidden(tree: nodes.Template, words: Vocabulary) -> Iterator[Fault]:
    for node in _below(tree, words):
        if not _allowed(node, words):
            kind = next((name for one, name in _CALLED.items() if isinstance(node, one)), "")
            kind = kind or type(node).__name__.lower()
            yield Fault(node.lineno, f"{kind} cannot be used here", words.means)
        elif isinstance(node, nodes.Getattr):
            yield from _unknown_part(node, words)
        elif isinstance(node, nodes.Output | nodes.Filter | nodes.Concat):
            for name in node.iter_child_nodes():
                if isinstance(name, nodes.Name) and name.name in words.not_printed:
                    hint = words.not_printed[name.name]
                    yield Fault(name.lineno, f"'{name.name}' is nothing to print", hint)
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            hint = f"there are {', '.join(_FILTERS)}"
            yield Fault(node.lineno, f"the filter '{node.name}' is not known", hint)
        elif isinstance(node, nodes.Test) and node.name not in _TESTS:
            yield Fault(node.lineno, f"the test '{node.name}' is not known", "write {% if name %}")


def _below(node: nodes.Node, words: Vocabulary) -> Iterator[nodes.Node]:
    yield node
    # What is refused is not looked into: one mistake, one report.
    if _allowed(node, words):
        for child in node.iter_child_nodes():
            yield from _below(child, words)


def _allowed(node: nodes.Node, words: Vocabulary) -> bool:
    return isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and _is_plain(node, words))


def _is_plain(loop: nodes.For, words: Vocabulary) -> bool:
    """Whether it is the one loop, once over everything: loops in loops multiply without end."""
    target, over = loop.target, loop.iter
    return (
        isinstance(target, nodes.Name)
        and isinstance(over, nodes.Name)
        and (target.name, over.name) == words.each
        and loop.test is None
        and not loop.else_
        and not loop.recursive
        and not any(one.find(nodes.For) or isinstance(one, nodes.For) for one in loop.body)
    )


def _unknown_part(node: nodes.Getattr, words: Vocabulary) -> Iterator[Fault]:
    whole = node.node.name if isinstance(node.node, nodes.Name) else ""
    if node.attr in words.parts.get(whole, ()):
        return
    has = [f"{name} has {', '.join(parts)}" for name, parts in words.parts.items()]
    known = [part for parts in words.parts.values() for part in parts]
    hint = did_you_mean(node.attr, known) or "; ".join(has) or "names have no parts here"
    yield Fault(node.lineno, f"'.{node.attr}' is not known", hint)


def _unknown_names(node: nodes.Node, known: Collection[str], words: Vocabulary) -> Iterator[Fault]:
    if isinstance(node, nodes.Name) and node.name not in known:
        hint = did_you_mean(node.name, known) or f"there are {', '.join(known)}"
        yield Fault(node.lineno, f"'{node.name}' is not known", hint)
    if isinstance(node, nodes.For) and _is_plain(node, words):
        known = (*known, words.each[0])
    if _allowed(node, words):
        for child in node.iter_child_nodes():
            yield from _unknown_names(child, known, words)
