"""What finished jobs left in the database, read as data.

django-q2 keeps arguments and results as pickles without a signature, and calls the hook that a row names.
Reading one must not run anything, whoever wrote the row.
"""

import io
import pickle
from typing import NoReturn

import picklefield.fields
from django.db.models.signals import post_save
from django_q.models import Task
from django_q.signals import call_hook


class _DataUnpickler(pickle.Unpickler):
    """Makes numbers, text, lists, dicts. A pickle can do harm only through a name that it looks up."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Look up nothing.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError(f"{module}.{name} is no data")


def loads_data(stored: bytes) -> object:
    """The data of a pickle.

    Raises:
        UnpicklingError: it holds anything but data. The other errors of `pickle.loads` are possible as well.
    """
    return _DataUnpickler(io.BytesIO(stored)).load()


def read_as_data() -> None:
    """Have finished jobs hold data, or the stored text where it is none, and call no hook."""
    picklefield.fields.loads = loads_data
    post_save.disconnect(call_hook, sender=Task)
