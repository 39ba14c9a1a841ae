"""ASGI entry point of the embedded provider."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdp_site.dev.identity.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
