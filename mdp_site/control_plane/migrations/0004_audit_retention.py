"""Lets retention delete entries of the audit that are older than 90 days, and nobody truncate the table."""

from collections.abc import Callable

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SQLITE_STRICT = (
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON control_plane_auditentry "
    "BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END"
)
_SQLITE = (
    "DROP TRIGGER IF EXISTS audit_no_delete",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON control_plane_auditentry "
    "WHEN OLD.at >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-90 days') "
    "OR NOT EXISTS (SELECT 1 FROM control_plane_auditcut WHERE OLD.at < earlier_than) "
    "BEGIN SELECT RAISE(ABORT, 'the audit only grows; entries of more than 90 days go by retention'); END",
)
_SQLITE_BACK = ("DROP TRIGGER IF EXISTS audit_no_delete", _SQLITE_STRICT)
_POSTGRESQL = (
    "CREATE FUNCTION audit_entry_may_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF OLD.at < now() - interval '90 days' "
    "AND EXISTS (SELECT 1 FROM control_plane_auditcut WHERE OLD.at < earlier_than) THEN RETURN OLD; END IF; "
    "RAISE EXCEPTION 'the audit only grows; entries of more than 90 days go by retention'; END $$",
    "DROP TRIGGER audit_only_grows ON control_plane_auditentry",
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON control_plane_auditentry "
    "FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON control_plane_auditentry "
    "FOR EACH ROW EXECUTE FUNCTION audit_entry_may_go()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON control_plane_auditentry "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()",
)
_POSTGRESQL_BACK = (
    "DROP TRIGGER IF EXISTS audit_no_truncate ON control_plane_auditentry",
    "DROP TRIGGER audit_no_delete ON control_plane_auditentry",
    "DROP TRIGGER audit_no_update ON control_plane_auditentry",
    "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON control_plane_auditentry "
    "FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    "DROP FUNCTION audit_entry_may_go()",
)


def _run(statements: dict[str, tuple[str, ...]]) -> Callable[[Apps, BaseDatabaseSchemaEditor], None]:
    def run(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        for statement in statements[editor.connection.vendor]:
            editor.execute(statement, params=None)  # a percent sign is one: there are no parameters

    return run


class Migration(migrations.Migration):
    """The table that the triggers look into, and the triggers, for both databases."""

    dependencies = [("control_plane", "0003_action_runs")]

    operations = [
        migrations.CreateModel(
            name="AuditCut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("earlier_than", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunPython(
            _run({"sqlite": _SQLITE, "postgresql": _POSTGRESQL}),
            _run({"sqlite": _SQLITE_BACK, "postgresql": _POSTGRESQL_BACK}),
        ),
    ]
