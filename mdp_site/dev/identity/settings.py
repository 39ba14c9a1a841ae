"""Settings of the embedded provider. It serves plain HTTP, under loopback names only."""

from pathlib import Path
from typing import Any

from csp.constants import NONCE, SELF

from mdp_site.dev.identity.keys import new_signing_key
from mdp_site.env import Environment
from mdp_site.private_files import stored_secret

BASE_DIR = Path(__file__).resolve().parents[3]

env = Environment()

STATE_DIR = env.path("IDENTITY_STATE_DIR", BASE_DIR / "var" / "identity")
CLIENT_ID = env.text("OIDC_CLIENT_ID", "market-data-platform")
CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET") or stored_secret(STATE_DIR / "client_secret")
SITE_URL = env.origin("SITE_URL", "http://127.0.0.1:8000")
# Proxies before the provider, whose X-Forwarded-Proto is the scheme of the addresses that it announces.
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES", ("127.0.0.1",))
_password_file = STATE_DIR / "demo_password"
_given_password = env.secret("DEMO_PASSWORD")
DEMO_PASSWORD = _given_password or stored_secret(_password_file, byte_count=12)
# The output names the place of the password, not the password itself, because output goes into logs.
DEMO_PASSWORD_SOURCE = "of the setting DEMO_PASSWORD" if _given_password else f"in {_password_file}"
DEMO_GROUPS = env.words("DEMO_GROUPS")
# A second user, if it has a name and a password: the operator of the demo.
DEMO_OPERATOR = env.text("DEMO_OPERATOR")
DEMO_OPERATOR_PASSWORD = env.secret("DEMO_OPERATOR_PASSWORD")
DEMO_OPERATOR_GROUPS = env.words("DEMO_OPERATOR_GROUPS")

SECRET_KEY = stored_secret(STATE_DIR / "secret_key")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.idp.oidc",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "mdp_site.dev.identity.urls"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates" / "idp"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "identity.sqlite3",
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "mdp_site.dev.identity.adapters.NoSignupAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

IDP_OIDC_ADAPTER = "mdp_site.dev.identity.adapters.GroupsAdapter"
IDP_OIDC_PRIVATE_KEY = stored_secret(STATE_DIR / "signing_key.pem", make=new_signing_key)

# Cookies know no ports: under one host name the site and its provider would overwrite each other's.
SESSION_COOKIE_NAME = "mdp_identity_session"
CSRF_COOKIE_NAME = "mdp_identity_csrf"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        # No form-action: browsers would also apply it to the way back, to wherever the client lives.
        "default-src": ["'none'"],
        "style-src": [SELF, NONCE],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", accepted=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = env.choice("LOG_FORMAT", "console", accepted=("json", "console"))
LOGGING_CONFIG = "mdp_site.logs.configure"
LOGGING = {"service": "identity", "level": LOG_LEVEL, "format": LOG_FORMAT}
