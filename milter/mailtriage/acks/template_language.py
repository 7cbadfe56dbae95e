"""What an acknowledgement template may do: print names, and leave lines out.

Jinja2 without its loops, calls, macros, assignments and arithmetic. An administrator's text then
cannot grow, run or reach anything, whatever stands in it, so that rendering needs no guard against
time and size; and a mistyped name is found when the text is loaded, not when a customer writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailtriage.toml_source import did_you_mean

NAMES: Final = (
    "received", "by", "reference", "desk", "opening", "opens", "busy", "late", "generic", "kb",
    "urgent", "privacy",
)  # fmt: skip
"""What a template may use; policies/acks/README.md says what each holds."""

KB_PARTS: Final = ("title", "url", "quote")
_TO_ASK_FOR: Final = {"busy", "late", "generic", "kb"}
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


def compile_template(source: str, *, html: bool) -> jinja2.Template | list[Fault]:
    """A template that is safe to render with values for each of `NAMES`, or all that is wrong.

    In `html` every value is escaped.
    """
    if len(source) > MAX_TEMPLATE:
        return [Fault(1, f"is longer than {MAX_TEMPLATE} characters")]
    environment = _HTML if html else _PLAIN
    try:
        tree = environment.parse(source)
        faults = [*_forbidden(tree), *_unknown_names(tree)]
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


def _forbidden(tree: nodes.Template) -> Iterator[Fault]:
    for node in _below(tree):
        if not isinstance(node, _ALLOWED):
            kind = next((name for one, name in _CALLED.items() if isinstance(node, one)), "")
            kind = kind or type(node).__name__.lower()
            yield Fault(node.lineno, f"{kind} cannot be used here", "a text has names and if")
        elif isinstance(node, nodes.Getattr) and not _is_part_of_kb(node):
            hint = did_you_mean(node.attr, KB_PARTS) or f"kb has {', '.join(KB_PARTS)}"
            yield Fault(node.lineno, f"'.{node.attr}' is not known", hint)
        elif isinstance(node, nodes.Output):
            for name in node.nodes:
                if isinstance(name, nodes.Name) and name.name in _TO_ASK_FOR:
                    hint = f"write {{% if {name.name} %}}"
                    yield Fault(name.lineno, f"'{name.name}' is nothing to print", hint)
        elif isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            hint = f"there are {', '.join(_FILTERS)}"
            yield Fault(node.lineno, f"the filter '{node.name}' is not known", hint)
        elif isinstance(node, nodes.Test) and node.name not in _TESTS:
            yield Fault(node.lineno, f"the test '{node.name}' is not known", "write {% if name %}")


def _below(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    # What is refused is not looked into: one mistake, one report.
    if isinstance(node, _ALLOWED):
        for child in node.iter_child_nodes():
            yield from _below(child)


def _is_part_of_kb(node: nodes.Getattr) -> bool:
    of_kb = isinstance(node.node, nodes.Name) and node.node.name == "kb"
    return of_kb and node.attr in KB_PARTS


def _unknown_names(tree: nodes.Template) -> Iterator[Fault]:
    unknown = meta.find_undeclared_variables(tree) - set(NAMES)
    for node in tree.find_all(nodes.Name):
        if node.name in unknown:
            hint = did_you_mean(node.name, NAMES) or f"there are {', '.join(NAMES)}"
            yield Fault(node.lineno, f"'{node.name}' is not known", hint)
