"""Makes the results of finished jobs safe to read.

django-q2 stores arguments and results as pickles without a signature, and it calls the hook that a row names.
Anyone with access to the database could write such a row. So reading a row must not run code.
"""

import io
import pickle
from typing import NoReturn

import picklefield.fields
from django.db.models.signals import post_save
from django_q.models import Task
from django_q.signals import call_hook


class _DataUnpickler(pickle.Unpickler):
    """Reads numbers, text, lists and dicts. A pickle runs code only through a name that it looks up."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse to look up a name.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError(f"{module}.{name} is not data")


def loads_data(stored: bytes) -> object:
    """The data of a pickle.

    Raises:
        UnpicklingError: it contains anything but data. The other errors of `pickle.loads` are possible too.
    """
    return _DataUnpickler(io.BytesIO(stored)).load()


def read_as_data() -> None:
    """Make django-q2 read finished jobs with `loads_data`, and not call their hooks."""
    picklefield.fields.loads = loads_data
    post_save.disconnect(call_hook, sender=Task)
