"""Triggers that refuse to change or delete an entry of the audit, whatever program tries it."""

from collections.abc import Callable

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON control_plane_auditentry "
    "BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON control_plane_auditentry "
    "BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
)
_SQLITE_BACK = ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete")
_POSTGRESQL = (
    "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql "
    "AS $$ BEGIN RAISE EXCEPTION 'the audit only grows'; END $$",
    "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON control_plane_auditentry "
    "FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
)
_POSTGRESQL_BACK = (
    "DROP TRIGGER audit_only_grows ON control_plane_auditentry",
    "DROP FUNCTION audit_only_grows()",
)


def _run(statements: dict[str, tuple[str, ...]]) -> Callable[[Apps, BaseDatabaseSchemaEditor], None]:
    def run(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        for statement in statements[editor.connection.vendor]:
            editor.execute(statement)

    return run


class Migration(migrations.Migration):
    """The triggers, for both databases."""

    dependencies = [("control_plane", "0001_initial")]

    operations = [
        migrations.RunPython(
            _run({"sqlite": _SQLITE, "postgresql": _POSTGRESQL}),
            _run({"sqlite": _SQLITE_BACK, "postgresql": _POSTGRESQL_BACK}),
        )
    ]
