"""The storage of static files in production: which names have a hash, and which had one already."""

from typing import Any, Final

from whitenoise.storage import CompressedManifestStaticFilesStorage

BUNDLE: Final = "widgets/assets/"
"""The directory of the browser bundle in the static files. Its build puts a hash into each name."""


class SiteStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Puts a hash into the name of each file but those of the bundle.

    The files of the bundle import each other by the names of their build. A page that named one of them
    otherwise would load it twice: by the page's name, and by the one in the import.
    """

    def hashed_name(self, name: str, *args: Any, **kwargs: Any) -> str:
        """The name with the hash of the content."""
        if self.clean_name(name).startswith(BUNDLE):
            return name
        hashed: str = super().hashed_name(name, *args, **kwargs)
        return hashed
