"""Nothing is declared that nothing reads, and one name stands for one thing."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.conf import global_settings

from marketdata.runtime.settings import variables
from mdp_site.service_settings import SERVICES
from tests.architecture.product import ROOMS, ROOT, modules, place, syntax_of, texts

# Names that a framework looks up by itself, each with the framework.
CALLED_BY_A_FRAMEWORK = {
    "_get_login_attempts_cache_key": "allauth's adapter",
    "TopStocks": "programs of users: docs/analyzers.md",
    "add_file_to_dictionary": "WhiteNoise's middleware",
    "as_postgresql": "Django's lookups",
    "as_sqlite": "Django's lookups",
    "cache_path": "Numba's locator of compiled code",
    "disable": "Numba's cache",
    "enable": "Numba's cache",
    "eof_received": "uvicorn's HTTP protocol",
    "find_class": "pickle",
    "get_client_ip": "allauth's adapter",
    "get_prep_lookup": "Django's lookups",
    "get_stat": "django-q2's broker",
    "get_stats": "django-q2's broker",
    "handle_ping": "uvicorn's WebSocket protocol",
    "handler500": "Django's addresses",
    "has_change_permission": "Django's admin",
    "load_overload": "Numba's cache",
    "pre_social_login": "allauth's adapter",
    "save_overload": "Numba's cache",
    "schedule_ping": "uvicorn's WebSocket protocol",
    "set_stat": "django-q2's broker",
}
SETTINGS_OF_LIBRARIES = (
    "ACCOUNT_", "CHANNEL_", "DJANGO_VITE", "IDP_OIDC_", "Q_CLUSTER", "SOCIALACCOUNT_", "USERSESSIONS_",
    "WHITENOISE_", "ASGI_APPLICATION",
)  # fmt: skip
READ_BY_OPENTELEMETRY = "OTEL_"
SECRET_FILE = "_FILE"  # each secret may also come from a file
NO_PLACES_OF_A_MAP = {"__init__", "__main__", "apps"}
REGISTERED = {"register", "receiver"}
CALL_NO_METHODS = {"typing", "enum", "abc", "msgspec", "collections"}
SOURCES_BESIDE_PYTHON = {".html", ".toml", ".yml", ".yaml", ".example", ""}


@cache
def words_of_the_product() -> Counter[str]:
    """How often each word stands in what runs: modules, templates, manifests; not in tests and documents."""
    found: Counter[str] = Counter()
    for path in modules():
        found.update(re.findall(r"\w+", path.read_text()))
    for path, text in texts():
        inside = path.relative_to(ROOT).parts
        if path.suffix in SOURCES_BESIDE_PYTHON and inside[0] not in {"tests", "docs"}:
            found.update(re.findall(r"\w+", text))
    return found


def is_registered(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator hands it to a framework."""
    return any(
        name in REGISTERED
        for decorator in node.decorator_list
        for part in ast.walk(decorator)
        if (name := getattr(part, "attr", getattr(part, "id", "")))
    )


def is_django_configuration(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any("Config" in ast.unparse(base) for base in node.bases)


def declared(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Functions, methods and classes of a module, and its constants."""
    tree = syntax_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            special = node.name.startswith("__") or is_registered(node) or is_django_configuration(node)
            if not special:
                yield node.name, node
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("__"):
                yield target.id, node


def is_setting_of_a_library(name: str) -> bool:
    return hasattr(global_settings, name) or name.startswith(SETTINGS_OF_LIBRARIES)


def test_what_the_product_declares_the_product_uses() -> None:
    """A name that stands only where it is declared is used by nothing but tests, if by anything."""
    words = words_of_the_product()
    unread = [
        f"{place(path, node)} {name}"
        for path in modules()
        for name, node in declared(path)
        if words[name] == 1 and name not in CALLED_BY_A_FRAMEWORK and not is_setting_of_a_library(name)
    ]
    assert unread == []


def members_read_by_the_product() -> set[str]:
    """Every name that some module reads as an attribute, or that a template, a manifest or `getattr` names.

    A method that only hands on what another object's method of the same name gives does not read that one.
    """
    names: set[str] = set()
    for path in modules():
        tree, source = syntax_of(path), path.read_text()
        handed_on = {
            id(node)
            for method, _owner in methods_of(path)
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute) and node.attr == method.name
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Load)
                and id(node) not in handed_on
            ):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "getattr(" in source:
                names.update(re.findall(r"\w+", node.value))
    for path, text in texts():
        inside = path.relative_to(ROOT).parts
        if path.suffix in SOURCES_BESIDE_PYTHON and inside[0] not in {"tests", "docs"}:
            names.update(re.findall(r"\w+", text))
    return names


def methods_of(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.ClassDef]]:
    """The methods and properties of a module's classes, each with its class."""
    for owner in ast.walk(syntax_of(path)):
        if isinstance(owner, ast.ClassDef):
            for node in owner.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node, owner


@cache
def classes_of_frameworks() -> frozenset[str]:
    """Classes that inherit, directly or not, from a class of a framework, which then calls their methods."""
    bases_of: dict[str, set[str]] = defaultdict(set)
    found: set[str] = set()
    for path in modules():
        tree = syntax_of(path)
        origins = {
            alias.asname or alias.name.split(".")[0]: getattr(node, "module", None) or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            for base in map(ast.unparse, node.bases):
                name = base.split("[")[0]
                room = origins.get(name.split(".")[0], ROOMS[0]).split(".")[0]
                bases_of[node.name].add(name.split(".")[-1])
                if room not in ROOMS and room not in CALL_NO_METHODS:
                    found.add(node.name)
    while further := {name for name, bases in bases_of.items() if bases & found} - found:
        found |= further
    return frozenset(found)


def test_each_public_method_is_called_by_the_product() -> None:
    """What only tests call is an interface that nobody needs, in a protocol as in any other class."""
    read = members_read_by_the_product()
    unread = [
        f"{place(path, method)} {owner.name}.{method.name}"
        for path in modules()
        for method, owner in methods_of(path)
        if not method.name.startswith("_")
        and method.name not in read
        and owner.name not in classes_of_frameworks()
        and not is_registered(method)
    ]
    assert unread == []


def test_each_framework_name_that_is_excused_is_still_declared() -> None:
    names = {name for path in modules() for name, _node in declared(path)}
    assert set(CALLED_BY_A_FRAMEWORK) - names == set()


def test_each_setting_from_the_environment_is_read() -> None:
    settings = ROOT / "mdp_site" / "settings.py"
    readers = [path.read_text() for path in modules() if path != settings]
    own = settings.read_text()
    unread = []
    for node in syntax_of(settings).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or "env." not in ast.unparse(node):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = ast.unparse(target)
        word = re.compile(rf"\b{name}\b")
        statement = len(word.findall(ast.unparse(node)))
        if (
            not is_setting_of_a_library(name)
            and not any(word.search(text) for text in readers)
            and len(word.findall(own)) <= statement
        ):
            unread.append(f"{place(settings, node)} {name}")
    assert unread == []


def test_each_documented_variable_of_the_environment_is_read() -> None:
    example = (ROOT / "deploy" / "environment.example").read_text()
    documented = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)
    assert documented, "no variable found: this test has lost its subject"
    sources = "\n".join(path.read_text() for path in (*modules(), ROOT / "Procfile"))
    unread = [
        name
        for name in documented
        if name not in variables(SERVICES.values())
        and not name.startswith(READ_BY_OPENTELEMETRY)
        and not re.search(rf"\b{name.removesuffix(SECRET_FILE)}\b", sources)
    ]
    assert unread == []


def test_one_name_stands_for_one_type() -> None:
    homes = defaultdict(list)
    for path in modules():
        for node in syntax_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name != "Command":
                homes[node.name].append(place(path, node))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_the_map_of_a_package_names_each_of_its_modules() -> None:
    """A docstring that names more than half of a package's modules is a map, and a map has no holes."""
    holes = {}
    for path in modules():
        if path.name != "__init__.py":
            continue
        named = set(re.findall(r"`(\w+)(?:\.py)?`", ast.get_docstring(syntax_of(path)) or ""))
        inside = {other.stem for other in modules() if other.parent == path.parent} - NO_PLACES_OF_A_MAP
        if len(named & inside) * 2 > len(inside) and inside - named:
            holes[place(path)] = sorted(inside - named)
    assert holes == {}
