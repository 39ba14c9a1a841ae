"""Accounts are kept, and rights are stated, in one room: no other module has a second way."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Field, Model

from tests.architecture.product import ROOT, modules

ROOM: Final = ROOT / "mdp_site" / "accounts"
DEVELOPERS: Final = ROOT / "mdp_site" / "dev"
"""The demo's identity provider: a site of its own, which plays somebody else's."""
OURS: Final = ("marketdata", "mdp_site", "scanners", "widgets")
SECRET_FIELD: Final = re.compile(r"password|passwd|token|secret|digest|api_?key|session_?key", re.IGNORECASE)
PASSWORD_WORK: Final = {"set_password", "check_password", "make_password", "create_user", "create_superuser"}
GUARDS: Final = {
    "login_required",
    "permission_required",
    "staff_member_required",
    "superuser_required",
    "user_passes_test",
}
FLAGS: Final = {"is_staff", "is_superuser"}


def outside() -> Iterator[tuple[Path, ast.Module]]:
    for path in modules():
        if not path.is_relative_to(ROOM) and not path.is_relative_to(DEVELOPERS):
            yield path, ast.parse(path.read_text())


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a module imports, reads, or asks an object for, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.alias):
            yield node.lineno, node.name.rpartition(".")[2]


def uses(wanted: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path, tree in outside()
        for line, name in names(tree)
        if name in wanted
    ]


def our_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model.__module__.partition(".")[0] in OURS]


def test_no_model_outside_the_room_is_a_user_or_keeps_a_secret() -> None:
    strangers = [model for model in our_models() if not model.__module__.startswith("mdp_site.accounts.")]
    assert [model._meta.label for model in strangers if issubclass(model, AbstractBaseUser)] == []
    secrets = [
        f"{model._meta.label}.{field.name}"
        for model in strangers
        for field in model._meta.get_fields()
        if isinstance(field, Field) and SECRET_FIELD.search(field.name)
    ]
    assert secrets == []


def test_the_rooms_own_models_would_be_found() -> None:
    ours = {model._meta.label: model for model in our_models()}
    assert issubclass(ours["accounts.User"], AbstractBaseUser)
    kept = {field.name for field in ours["accounts.ApiToken"]._meta.get_fields()}
    assert any(SECRET_FIELD.search(name) for name in kept)


def test_what_the_rules_look_for_would_be_found() -> None:
    found = {
        (file, name)
        for file in ("guards.py", "roles.py")
        for _, name in names(ast.parse((ROOM / file).read_text()))
    }
    assert {("guards.py", "login_required"), ("roles.py", "is_staff")} <= found


def test_passwords_are_set_and_checked_in_the_room_alone() -> None:
    assert uses(PASSWORD_WORK) == []


def test_no_page_has_a_guard_of_its_own() -> None:
    """A page asks for a `Right` (`accounts.guards.requires`), so that `accounts.roles` says who has it."""
    assert uses(GUARDS) == []


def test_no_module_decides_by_a_flag_of_the_user() -> None:
    assert uses(FLAGS) == []


def test_no_template_decides_by_a_flag_or_a_permission_of_the_user() -> None:
    decides = re.compile(r"\b(?:user\.(?:is_staff|is_superuser|groups|has_perm)|perms)\b")
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if decides.search(path.read_text())
    ]
    assert found == []


def test_one_place_names_the_roles() -> None:
    """Elsewhere a role is imported, never spelled."""
    spelled = re.compile(r"^(?:viewers|operators)$")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        if path != ROOM / "roles.py" and not path.is_relative_to(DEVELOPERS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and spelled.match(node.value)
    ]
    assert found == []
