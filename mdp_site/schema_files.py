"""The files that are generated from the declarations of analyzers, settings and messages.

Other packages, the browser and the documents cannot import these declarations.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from django.conf import settings

from marketdata.runtime.settings_export import Services, with_table, with_variables
from marketdata.schema import Schema
from marketdata.schema.export import encode_schema, typescript, with_tables
from mdp_site.service_settings import SERVICES
from scanners.registry import routes, schema
from widgets.asyncapi import encode_document

ROOT: Final = Path(__file__).resolve().parents[1]
STORED: Final = Path("marketdata/schema/schema.json")
TYPESCRIPT: Final = Path("widgets/client/src/generated/schema.ts")
METRICS_PAGE: Final = Path("docs/metrics.md")
ENVIRONMENT_EXAMPLE: Final = Path("deploy/environment.example")
SETTINGS_PAGE: Final = Path("docs/architecture.md")
ASYNCAPI: Final = Path("docs/asyncapi.json")
OPENAPI: Final = Path("docs/openapi.json")


def written_files(
    root: Path, declared: Schema | None = None, services: Services = SERVICES
) -> Mapping[Path, str]:
    """The expected content of each file, by its path below `root`. Reads the pages with marks there.

    Raises:
        SchemaError: the declarations contradict each other, or the page of metrics lacks the marks of tables.
        ConfigurationError: the page or the example of the settings lacks its mark, or a member of a message
            has no description.
    """
    declared = declared or schema(routes())
    page, example, settings_page = (
        (root / path).read_text(encoding="utf-8")
        for path in (METRICS_PAGE, ENVIRONMENT_EXAMPLE, SETTINGS_PAGE)
    )
    return {
        ENVIRONMENT_EXAMPLE: with_variables(example, services),
        SETTINGS_PAGE: with_table(settings_page, services),
        STORED: encode_schema(declared).decode(),
        TYPESCRIPT: typescript(declared),
        METRICS_PAGE: with_tables(page, declared),
        ASYNCAPI: encode_document(settings.SESSION_COOKIE_NAME),
    }


def stale_files(root: Path, declared: Schema | None = None, services: Services = SERVICES) -> list[Path]:
    """The files that are missing or do not have the expected content.

    Raises:
        SchemaError: see `written_files`.
    """
    declared = declared or schema(routes())
    texts = {**written_files(root, declared, services), OPENAPI: _openapi(declared)}
    return [path for path, text in texts.items() if _text(root / path) != text]


def write_files(root: Path, declared: Schema | None = None, services: Services = SERVICES) -> list[Path]:
    """Write the files that are missing or outdated, and return their paths.

    Raises:
        SchemaError: see `written_files`. Then no file is written.
    """
    declared = declared or schema(routes())
    written = list(_write(root, written_files(root, declared, services)))
    # The API reads the schema that was written just now.
    return [*written, *_write(root, {OPENAPI: _openapi(declared)})]


def _write(root: Path, texts: Mapping[Path, str]) -> Iterator[Path]:
    for path, text in texts.items():
        if _text(root / path) != text:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
            yield path


def _openapi(declared: Schema) -> str:
    """The OpenAPI document. Only it needs the operations, and they need the written schema."""
    from mdp_site.api.assembly import api  # noqa: PLC0415
    from mdp_site.api.document import encode_document  # noqa: PLC0415

    return encode_document(api, declared)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
