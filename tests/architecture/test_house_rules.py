"""House rules that no linter knows, as tests: a failure names the file and the rule."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.product import ROOT, modules, syntax_of, texts

LONGEST_MODULE_LINES = 500
DRAWERS = {"utils", "helpers", "misc", "common"}
REGISTRY_HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "debian" + ".org")
CDN_HOSTS = ("cdn.", "unpkg.com", "googleapis.com", "cloudflare.com")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE_LINES


def test_no_drawer_for_things_without_a_place() -> None:
    drawers = [path for path in modules() if DRAWERS.intersection(path.with_suffix("").parts)]
    assert drawers == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    missing = []
    for path in modules():
        if "commands" in path.parts:
            continue
        missing += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in syntax_of(path).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ]
    assert missing == []


def test_no_package_registry_or_cdn_is_named_in_any_file() -> None:
    named = [
        f"{path.relative_to(ROOT)}: {host}"
        for path, text in texts()
        if path != Path(__file__).resolve()
        for host in REGISTRY_HOSTS + CDN_HOSTS
        if host in text
    ]
    assert named == []


def test_metrics_are_made_in_one_place_and_have_unique_names() -> None:
    makers = re.compile(r"\b(?:Counter|Gauge|Histogram|Summary)\(\s*[\"'](\w+)[\"']")
    names: Counter[str] = Counter()
    strangers = []
    for path in modules():
        found = makers.findall(path.read_text())
        names.update(found)
        if found and path != ROOT / "marketdata" / "observability" / "metrics.py":
            strangers.append(f"{path.relative_to(ROOT)}: {found}")
    assert strangers == []
    assert names, "no metric found: this test has lost its subject"
    assert [name for name, count in names.items() if count > 1] == []


def test_broad_handlers_are_rare_and_say_why() -> None:
    """`except Exception` only at a process or message boundary, each with the reason on its line."""
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"except (Base)?Exception\b", line)
        and not re.search(r"#.*\w{3,}.* - |# noqa: BLE001 - \w", line)
        and "raise" not in line
    ]
    assert silent == []
