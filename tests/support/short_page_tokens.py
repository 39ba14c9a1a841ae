"""`manage.py` with page tokens that open sockets for `LIFETIME_SECONDS` only, so that a test outlives one."""

import sys
from typing import Final

from django.core.management import execute_from_command_line

from mdp_site.accounts import page_tokens

LIFETIME_SECONDS: Final = 5

if __name__ == "__main__":
    page_tokens.LIFETIME_SECONDS = LIFETIME_SECONDS  # type: ignore[misc]  # a constant to all others
    execute_from_command_line(["manage.py", *sys.argv[1:]])
