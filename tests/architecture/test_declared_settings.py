"""Contract of the settings: each that is declared is applied, and each that is applied is declared."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from marketdata.runtime.settings import VERSION, Applies, ServiceSettings, declarations, variables
from mdp_site.service_settings import SERVICES
from tests.architecture.product import ROOT, modules, place, syntax_of

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

HOLDERS: Final = frozenset({"current", "limits"})
"""Attributes that hold the settings that apply now: of `LiveSettings`, and of what reads it each time."""

ROOMS: Final[Mapping[str, tuple[str, ...]]] = {
    "listener": ("marketdata/listener",),
    "processor": ("scanners/processor",),
    "scanner": ("scanners/scanner",),
    "web": ("mdp_site", "widgets"),
    "jobs": ("mdp_site/jobs",),
    "recorder": ("marketdata/listener",),
    "simulator": ("marketdata/simulator",),
    "replay": ("marketdata/replay_server",),
}
"""Where the settings of each service are read. `marketdata/runtime` reads those that all roles have."""


def classes_of_settings() -> frozenset[str]:
    """The names of the structs that declare settings, those of all roles included."""
    found: set[str] = set()
    for kind in SERVICES.values():
        found.update(each.__name__ for each in kind.__mro__ if issubclass(each, ServiceSettings))
    return frozenset(found)


def names_of(kind: type[ServiceSettings]) -> set[str]:
    """All that may be read of the settings of a service: its fields, and what its struct defines."""
    return {name for name in dir(kind) if not name.startswith("__")} | {VERSION}


def readings(tree: ast.Module) -> Iterator[ast.Attribute]:
    """The attributes that a module reads of settings.

    That is: of an attribute among `HOLDERS`, of a variable that was assigned from one, of a parameter that
    has settings as its type, and of `self` in their structs.
    """
    kinds = classes_of_settings()
    variables_of = settings_variables(tree, kinds)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        match node.value:
            case ast.Attribute(attr=attr) if attr in HOLDERS:
                yield node
            case ast.Name(id=name) if name in variables_of:
                yield node
            case _:
                pass
    for struct in ast.walk(tree):
        if isinstance(struct, ast.ClassDef) and struct.name in kinds:
            yield from (
                node
                for node in ast.walk(struct)
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            )


def settings_variables(tree: ast.Module, kinds: frozenset[str]) -> set[str]:
    """The names in a module that stand for settings."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute(attr=attr)) if attr in HOLDERS:
                found.add(name)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=True):
                    if isinstance(value, ast.Attribute) and value.attr in HOLDERS:
                        found.add(ast.unparse(target))
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                words = {each.id for each in ast.walk(annotation) if isinstance(each, ast.Name)}
                if words & kinds and not words & {"LiveSettings", "CurrentSettings", "type"}:
                    found.add(name)
            case _:
                pass
    return found


def in_room(path: Path, service: str) -> bool:
    """Whether a module is one that may read the settings of a service."""
    inside = str(path.relative_to(ROOT))
    return inside.startswith((*ROOMS[service], "marketdata/runtime"))


def variables_read() -> Iterator[tuple[Path, ast.Subscript]]:
    """Where the product reads the value of the environment of a declared setting."""
    for path in modules():
        for node in ast.walk(syntax_of(path)):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.ctx, ast.Load)
                and ast.unparse(node.value).endswith("DECLARED_SETTINGS")
            ):
                yield path, node


def test_each_declared_setting_is_applied() -> None:
    """It has an effect, or code of its service reads it from the settings that apply.

    A setting that needs a restart may be read of the environment instead, at the start.
    """
    unused = []
    at_start = {node.slice.value for _, node in variables_read() if isinstance(node.slice, ast.Constant)}
    for service, kind in SERVICES.items():
        read = {
            node.attr for path in modules() if in_room(path, service) for node in readings(syntax_of(path))
        }
        # A listener's target reads the fields of its own struct; all of it goes to the provider together.
        unused += [
            f"{service}: {name}"
            for name, declared in declarations(kind).items()
            if declared.effect is None
            and name not in read
            and not (declared.applies is Applies.RESTART and declared.variable in at_start)
        ]
    assert unused == []


def test_each_setting_that_is_read_is_declared() -> None:
    known = set().union(*(names_of(kind) for kind in SERVICES.values()))
    strange = [
        f"{place(path, node)} {node.attr}"
        for path in modules()
        if any(in_room(path, service) for service in SERVICES)
        for node in readings(syntax_of(path))
        if isinstance(node.value, ast.Attribute)
        and node.value.attr == "current"
        and node.attr not in known
        # `current` of the market's time is a mask of events, and no settings.
        and "advance" not in ast.unparse(node)
    ]
    assert strange == []


def test_each_variable_that_is_read_of_the_declared_settings_is_declared() -> None:
    declared = variables(SERVICES.values())
    read = list(variables_read())
    assert read, "nothing reads a declared setting: this test has lost its subject"
    for path, node in read:
        assert isinstance(node.slice, ast.Constant), place(path, node)
        assert node.slice.value in declared, place(path, node)


def test_a_setting_that_needs_a_restart_has_a_variable_to_set_for_it() -> None:
    for service, kind in SERVICES.items():
        for name, declared in declarations(kind).items():
            assert declared.applies is Applies.LIVE or declared.variable, f"{service}: {name}"


def test_the_rule_finds_a_setting_that_nobody_reads_and_one_that_nobody_declares() -> None:
    tree = ast.parse(
        "def f(self, own: ProcessorSettings, live: LiveSettings[ProcessorSettings]):\n"
        "    wanted = self._live.current\n"
        "    return wanted.a, own.b, live.current.c, live.d, self._connections.limits.e, other.f\n"
    )
    assert {node.attr for node in readings(tree)} == {"a", "b", "c", "e"}
