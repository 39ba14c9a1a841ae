"""All settings of the platform, read from the environment. `deploy/environment.example` explains each one.

With an empty environment this is a *local* deployment: loopback names only, SQLite, plain HTTP, and a secret
key that is created at the first start in `STATE_DIR/secret_key`, which only its owner can read. With
`MDP_DEPLOYMENT=production` there are no such defaults: the secret key, HTTPS, a shared cache and a login
provider must be configured. If one is missing, `mdp_site.checks` refuses to start.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONCE, SELF

from marketdata import decoder_choice
from marketdata.providers.registry import DEFAULT_PROVIDER, provider_names, provider_plugin
from marketdata.transport.queues import LONGEST_TTL_MS
from mdp_site.env import Environment
from mdp_site.env import rejection as _rejection
from mdp_site.market_hours import read_market_hours
from mdp_site.origins import canonical_origin
from mdp_site.private_files import private_directory, private_file, stored_secret
from mdp_site.service_settings import SERVICES

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()

# --- Kind of deployment -------------------------------------------------------------------------------------

MDP_DEPLOYMENT = env.choice("MDP_DEPLOYMENT", "local", accepted=("local", "production"))
PRODUCTION = MDP_DEPLOYMENT == "production"
DEBUG = env.boolean("DEBUG", default=False)
STATE_DIR = env.path("STATE_DIR", BASE_DIR / "var")
SITE_URL = env.origin("SITE_URL", "http://127.0.0.1:8000")
WDS_URL = env.websocket_url("WDS_URL")

SECRET_KEY = env.secret("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
if not SECRET_KEY:
    if PRODUCTION:
        raise _rejection(
            "SECRET_KEY",
            "",
            "50 or more random characters, in SECRET_KEY or in the file named by SECRET_KEY_FILE",
        )
    SECRET_KEY = stored_secret(STATE_DIR / "secret_key")

if PRODUCTION:
    # Their defaults are servers and files of this machine, which another process would not share.
    for _name, _accepted in (
        ("DATABASE_URL", "postgres://user:password@host/name, or sqlite:///absolute/path for one machine"),
        ("MDC_URL", "redis://, rediss:// or unix://, with a password"),
        ("MDQ_URL", "amqp://, amqps://, redis://, rediss:// or unix://, with a password"),
    ):
        if not env.given(_name):
            raise _rejection(_name, "", _accepted)

_LOOPBACK_NAMES = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", (urlsplit(SITE_URL).hostname or "",))
if not PRODUCTION:
    ALLOWED_HOSTS += _LOOPBACK_NAMES
# A proxy may pass on another Host or scheme than the browser uses, so the site's own origin is trusted.
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
if env.given("SITE_URL"):
    CSRF_TRUSTED_ORIGINS += [canonical_origin(SITE_URL)]
# Addresses or networks of the proxies whose X-Forwarded-* headers the web server trusts. The server passes
# the real scheme and client address to Django, so Django's SECURE_PROXY_SSL_HEADER is not needed.
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES", ("127.0.0.1",))

# --- Applications -------------------------------------------------------------------------------------------

# It must be the first application, so that `runserver` serves ASGI and WebSockets in development. Other
# processes do not load it: it would cost each a quarter of its start time and 20 MB.
_DEVELOPMENT_SERVER = ["daphne"] if sys.argv[1:2] == ["runserver"] else []
INSTALLED_APPS = [
    *_DEVELOPMENT_SERVER,
    "mdp_site.apps.SiteConfig",
    "mdp_site.apps.SiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "django_q",
    "django_vite",
    "marketdata",
    "scanners",
    "widgets",
    "mdp_site.api",
    "mdp_site.control_plane",
    "mdp_site.accounts",  # after all other applications with models: its roles use their permissions
]

MIDDLEWARE = [
    "mdp_site.middleware.UnknownProxyMiddleware",  # before each middleware that redirects
    "mdp_site.middleware.CanonicalHostMiddleware",  # before each middleware that redirects
    "mdp_site.api.middleware.ApiMiddleware",  # before each middleware that may answer an error
    "django.middleware.security.SecurityMiddleware",
    "mdp_site.middleware.StaticFilesMiddleware",
    "mdp_site.middleware.PrivatePagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "mdp_site.accounts.sessions.ListedSessionsMiddleware",
    "mdp_site.control_plane.actors.ActorMiddleware",
    "mdp_site.middleware.TimeZoneMiddleware",
]

ROOT_URLCONF = "mdp_site.urls"
ASGI_APPLICATION = "mdp_site.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mdp_site.accounts.guards.page_rights",
            ],
        },
    },
]

# --- Databases, cache, channel layer, jobs ------------------------------------------------------------------

DATABASE_URL = env.url(
    "DATABASE_URL",
    f"sqlite:///{STATE_DIR / 'db.sqlite3'}",
    schemes=("sqlite", "postgres", "postgresql"),
)
DATABASE_ANSWER_SECONDS = env.integer("DATABASE_ANSWER_SECONDS", 5, minimum=2, maximum=60)
_database = environ.Env.db_url_config(DATABASE_URL)
if DATABASE_URL.startswith("sqlite:"):
    if _database["NAME"] != ":memory:":
        private_file(Path(_database["NAME"]))  # SQLite gives its further files the same mode
    # WAL lets readers continue while one writer writes. IMMEDIATE makes a second writer wait (up to `timeout`
    # seconds) instead of failing in the middle of its transaction.
    _database["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
else:
    _database["ENGINE"] = "mdp_site.postgresql"
    _database["CONN_HEALTH_CHECKS"] = True
    _bounds = {"connect_timeout": DATABASE_ANSWER_SECONDS}
    if sys.argv[1:2] in (["run_web"], ["runserver"]):  # `migrate` may have to wait for minutes
        _bounds["answer_seconds"] = DATABASE_ANSWER_SECONDS
    _database["OPTIONS"] = _bounds | _database.get("OPTIONS", {})
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_REDIS_SCHEMES = ("redis", "rediss", "unix")
_LOCAL_REDIS = "redis://127.0.0.1:6379/0"

MDC_URL = env.url("MDC_URL", _LOCAL_REDIS, schemes=_REDIS_SCHEMES)
_shared_redis = MDC_URL if env.given("MDC_URL") else ""

CACHE_URL = env.url("CACHE_URL", _shared_redis, schemes=_REDIS_SCHEMES)
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "mdp_site.cache.DataCache",
            "LOCATION": [CACHE_URL],
            "KEY_PREFIX": "site",
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        }
        if CACHE_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    ),
}

# Only for control messages (a session ended). Market data never goes through the channel layer.
CHANNEL_LAYER_URL = env.url("CHANNEL_LAYER_URL", _shared_redis, schemes=_REDIS_SCHEMES)
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {
                # The layer waits 5 s for a message in a blocking command. The driver's timeout (5 s by
                # default) must be longer: otherwise each wait without a message would end with an error.
                "hosts": [{"address": CHANNEL_LAYER_URL, "socket_timeout": 15, "socket_connect_timeout": 2}],
                "prefix": "site",
                "expiry": 60,
                "capacity": 1000,
            },
        }
        if CHANNEL_LAYER_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    ),
}

JOBS_WORKERS = env.integer("JOBS_WORKERS", 1, minimum=1, maximum=64)
JOBS_TIMEOUT_SECONDS = env.integer("JOBS_TIMEOUT_SECONDS", 300, minimum=1, maximum=86_400)
JOBS_RETRY_SECONDS = env.integer("JOBS_RETRY_SECONDS", 360, minimum=2, maximum=172_800)
SETTINGS_BACKUP_DIRECTORY = env.path("SETTINGS_BACKUP_DIRECTORY", STATE_DIR / "settings-backups")
Q_CLUSTER: dict[str, Any] = {
    "name": "market-data-platform",
    # Stores jobs in the database by name only, so that a row can never contain code.
    "broker_class": "mdp_site.jobs.broker.JobsBroker",
    "orm": "default",
    "poll": 1,
    "workers": JOBS_WORKERS,
    "timeout": JOBS_TIMEOUT_SECONDS,
    "retry": JOBS_RETRY_SECONDS,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "bulk": 1,
    "queue_limit": 50,
    # Of each job: otherwise one that runs every minute would crowd out the outcomes of the daily ones.
    "save_limit": 200,
    "save_limit_per": "func",
    "recycle": 500,
    "label": "Jobs",
}

# Actions of operators that are defined above the control plane (mdp_site/control_plane/actions/registry.py).
FURTHER_ACTIONS = ["mdp_site.jobs.actions.ACTIONS"]

# --- Users and login ----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ADMIN_PASSWORD_LOGIN = env.boolean("ADMIN_PASSWORD_LOGIN", default=True)

OIDC_SERVER_URL = env.url("OIDC_SERVER_URL", schemes=("http", "https")).rstrip("/")
OIDC_ISSUER = env.url("OIDC_ISSUER", OIDC_SERVER_URL.partition("/.well-known/")[0], schemes=("http", "https"))
OIDC_TIMEOUT_SECONDS = env.integer("OIDC_TIMEOUT_SECONDS", 10, minimum=1, maximum=60)
OIDC_NAME = env.text("OIDC_NAME", "Single sign-on")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET")
OIDC_GROUPS_CLAIM = env.text("OIDC_GROUPS_CLAIM", "groups")
OIDC_STAFF_GROUP = env.text("OIDC_STAFF_GROUP")
OIDC_OPERATORS_GROUP = env.text("OIDC_OPERATORS_GROUP")
OIDC_ADMINISTRATORS_GROUP = env.text("OIDC_ADMINISTRATORS_GROUP")
OIDC_ALLOWED_DOMAINS = env.words("OIDC_ALLOWED_DOMAINS")
OIDC_ALLOWED_EMAILS = env.words("OIDC_ALLOWED_EMAILS")
OIDC_SCOPES = env.words("OIDC_SCOPES", ("openid", "profile", "email"))

# Browser users have no password here. The provider checks the password and, if it wants, a second factor.
SOCIALACCOUNT_ONLY = True
SOCIALACCOUNT_ADAPTER = "mdp_site.accounts.oidc.adapters.OpenIDConnectAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    "openid_connect": {
        # `mdp_site.accounts.oidc.openid` sends the requests and checks the answers.
        "APPS": (
            [
                {
                    "provider_id": "oidc",
                    "name": OIDC_NAME,
                    "client_id": OIDC_CLIENT_ID,
                    "secret": OIDC_CLIENT_SECRET,
                    "settings": {"server_url": OIDC_SERVER_URL},
                }
            ]
            if OIDC_SERVER_URL
            else []
        ),
    }
}
ACCOUNT_ADAPTER = "mdp_site.accounts.oidc.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
# The provider's subject identifies a user. An e-mail address is only information, not a way to log in.
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_LOGIN_METHODS = {"username"}
# The limit of logins from one address. It is high because a whole company may share one address.
ACCOUNT_RATE_LIMITS = {"login": "600/m/ip"}
ACCOUNT_SIGNUP_FIELDS = ["username*"]
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
USERSESSIONS_TRACK_ACTIVITY = False

SESSION_COOKIE_NAME = "mdp_session"
SESSION_COOKIE_AGE = env.integer("SESSION_MAX_AGE_SECONDS", 7 * 86_400, minimum=300, maximum=90 * 86_400)
SESSION_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_SAMESITE = "Lax"  # with Strict, the redirect back from the provider would lose the session
CSRF_COOKIE_NAME = "mdp_csrf"
CSRF_COOKIE_SECURE = PRODUCTION

# --- Security headers ---------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = PRODUCTION
# Probes and scrapers come from the internal network, without the proxy that terminates TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
_hsts_seconds = env.integer("HSTS_SECONDS", 31_536_000, minimum=0, maximum=63_072_000)
SECURE_HSTS_SECONDS = _hsts_seconds if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

VITE_DEV_SERVER_PORT = env.integer("VITE_DEV_SERVER_PORT", 0, minimum=0, maximum=65_535)
_vite_origins = (
    [f"http://localhost:{VITE_DEV_SERVER_PORT}", f"ws://localhost:{VITE_DEV_SERVER_PORT}"]
    if VITE_DEV_SERVER_PORT
    else []
)
# Browsers apply `form-action` also to redirects: the login form redirects to the provider's page, and some
# providers redirect to further origins of theirs.
OIDC_LOGIN_ORIGINS = env.words("OIDC_LOGIN_ORIGINS")
_oidc = urlsplit(OIDC_SERVER_URL)
_login_origins = ([f"{_oidc.scheme}://{_oidc.netloc}"] if OIDC_SERVER_URL else []) + OIDC_LOGIN_ORIGINS
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, *_vite_origins],
        "style-src": [SELF, NONCE, *_vite_origins],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF, *([WDS_URL] if WDS_URL else []), *_vite_origins],
        "object-src": ["'none'"],
        "base-uri": [SELF],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF, *_login_origins],
    }
}

# --- Static files -------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", BASE_DIR / "staticfiles" if PRODUCTION else STATE_DIR / "static")
if not PRODUCTION:
    private_directory(STATE_DIR)
    private_directory(STATIC_ROOT)  # stays empty: files come from the applications
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "mdp_site.static_files.SiteStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
# A local deployment has no `collectstatic` step, so files are served from the applications' directories.
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
DJANGO_VITE = {
    "default": {
        "dev_mode": bool(VITE_DEV_SERVER_PORT),
        "dev_server_port": VITE_DEV_SERVER_PORT or 5173,
        "static_url_prefix": "widgets",
        "manifest_path": BASE_DIR / "widgets" / "static" / "widgets" / "manifest.json",
    }
}

# --- Language and time --------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["mdp_site.formats"]
# The pages show the market's time, and the admin shows UTC: see `mdp_site.middleware`.
DISPLAY_TIME_ZONE = "America/New_York"

# --- Market data --------------------------------------------------------------------------------------------

MDQ_URL = env.url("MDQ_URL", _LOCAL_REDIS, schemes=("redis", "rediss", "unix", "amqp", "amqps"))
MDQ_PREFIX = env.text("MDQ_PREFIX", "mdq")
MDQ_SHARDS = env.integer("MDQ_SHARDS", 2, minimum=1, maximum=256)
MARKET_DATA_MESSAGE_TTL = env.integer("MARKET_DATA_MESSAGE_TTL", 5_000, minimum=100, maximum=LONGEST_TTL_MS)
MDQ_MAX_BATCHES = env.integer("MDQ_MAX_BATCHES", 20_000, minimum=1, maximum=10_000_000)
MDQ_PUBLISHER_CONFIRMS = env.boolean("MDQ_PUBLISHER_CONFIRMS", default=True)
MDC_KEY_PREFIX = env.text("MDC_KEY_PREFIX")

MARKET_DATA_PROVIDER = env.choice("MARKET_DATA_PROVIDER", DEFAULT_PROVIDER, accepted=provider_names())
PROVIDER_SETTINGS = provider_plugin(MARKET_DATA_PROVIDER).read_settings(env)
REFERENCE_LOOKUPS_PER_MINUTE = env.integer("REFERENCE_LOOKUPS_PER_MINUTE", 30, minimum=0, maximum=6_000)

MARKET_HOURS = read_market_hours(env)

# The settings that the services declare (`mdp_site.service_settings`), by their variable.
DECLARED_SETTINGS = env.declared(SERVICES.values())
EVENT_DECODER = env.choice("EVENT_DECODER", decoder_choice.COMPILED, accepted=decoder_choice.ACCEPTED)

# --- Logs, health, traces -----------------------------------------------------------------------------------

LOG_LEVEL = DECLARED_SETTINGS["LOG_LEVEL"]
LOG_FORMAT = env.choice("LOG_FORMAT", "json" if PRODUCTION else "console", accepted=("json", "console"))
LOGGING_CONFIG = "mdp_site.logs.configure"
LOGGING = {"service": "site", "level": LOG_LEVEL, "format": LOG_FORMAT}
HEALTH_HOST = env.text("HEALTH_HOST", "127.0.0.1")
METRICS_NETWORKS = env.words(
    "METRICS_NETWORKS",
    ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
)

# Names of environment variables that were read above. `mdp_site.checks` looks for misspelled ones.
KNOWN_VARIABLES = frozenset(env.names)
