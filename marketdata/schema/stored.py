"""Loads the schema that `make schema` wrote, for modules that cannot import the analyzers.

`make check` compares the file with the declarations.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from marketdata.schema.assembly import Schema
from marketdata.schema.columns import ColumnInfo
from marketdata.schema.export import decode_schema

PATH: Final = Path(__file__).with_name("schema.json")
SCHEMA: Final[Schema] = decode_schema(PATH.read_bytes())
COLUMNS: Final[Mapping[str, ColumnInfo]] = SCHEMA.shown
"""Every column that is sent to clients, by name."""
