"""`manage.py check`: as Django has it, but silent when all is well, so that a script can test its output."""

from typing import Any

from django.core.management.commands.check import Command as DjangoCheck


class Command(DjangoCheck):
    def check(self, *args: Any, **options: Any) -> None:
        """Report issues as Django does, without the closing count."""
        super().check(*args, **{**options, "display_num_errors": False})
