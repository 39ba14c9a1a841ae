"""Who uses the platform."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person who logged in through the provider, or a member of staff with a local password.

    A model of our own from the first migration, so that fields can be added later without surgery.
    """
