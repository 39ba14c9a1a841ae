"""What the documents point at exists."""

import re
from pathlib import Path

from tests.architecture.product import ROOMS, ROOT, tracked_files

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
PATH = re.compile(rf"`((?:{'|'.join((*ROOMS, 'tests', 'deploy', 'docs', 'templates'))})/[\w./-]+)`")
RECORDS = {"CHANGELOG.md"}  # it tells of what was


def documents() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".md"]


def anchors_of(path: Path) -> set[str]:
    """The anchors that code hosts make of headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_each_link_between_documents_leads_somewhere() -> None:
    broken = []
    for path in documents():
        for target, anchor in LINK.findall(path.read_text()):
            file = (path.parent / target).resolve() if target else path
            if not file.exists() or (anchor and anchor not in anchors_of(file)):
                broken.append(f"{path.relative_to(ROOT)}: {target}{'#' + anchor if anchor else ''}")
    assert broken == []


def test_each_path_that_a_document_names_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in documents()
        if path.name not in RECORDS
        for named in PATH.findall(path.read_text())
        if not (ROOT / named).exists() and "NAME" not in named
    ]
    assert missing == []
