"""`manage.py check`: Django's command, but without output if there are no issues, so scripts can test it."""

from typing import Any

from django.core.management.commands.check import Command as DjangoCheck


class Command(DjangoCheck):
    def check(self, *args: Any, **options: Any) -> None:
        """Report issues as Django does, without the closing count."""
        super().check(*args, **{**options, "display_num_errors": False})
