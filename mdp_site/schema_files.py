"""The files that are generated from the analyzers' declarations, for packages that cannot import these."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from marketdata.schema import Schema
from marketdata.schema.export import encode_schema, typescript, with_tables
from scanners.registry import routes, schema

ROOT: Final = Path(__file__).resolve().parents[1]
STORED: Final = Path("marketdata/schema/schema.json")
TYPESCRIPT: Final = Path("widgets/client/src/generated/schema.ts")
METRICS_PAGE: Final = Path("docs/metrics.md")


def written_files(root: Path, declared: Schema | None = None) -> Mapping[Path, str]:
    """The expected content of each file, by its path below `root`. Reads the page of metrics there.

    Raises:
        SchemaError: the declarations contradict each other, or the page of metrics lacks the marks of tables.
    """
    declared = declared or schema(routes())
    page = (root / METRICS_PAGE).read_text(encoding="utf-8")
    return {
        STORED: encode_schema(declared).decode(),
        TYPESCRIPT: typescript(declared),
        METRICS_PAGE: with_tables(page, declared),
    }


def stale_files(root: Path, declared: Schema | None = None) -> list[Path]:
    """The files that are missing or do not have the expected content.

    Raises:
        SchemaError: see `written_files`.
    """
    return [path for path, text in written_files(root, declared).items() if _text(root / path) != text]


def write_files(root: Path, declared: Schema | None = None) -> list[Path]:
    """Write the files that are missing or outdated, and return their paths.

    Raises:
        SchemaError: see `written_files`. Then no file is written.
    """
    texts = written_files(root, declared)
    stale = [path for path, text in texts.items() if _text(root / path) != text]
    for path in stale:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(texts[path], encoding="utf-8")
    return stale


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
