"""Django's settings: the one place where `filot.env` becomes names that the apps read from `django.conf.settings`."""

import base64
import binascii
import hashlib
import logging
import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from pydantic import SecretStr

from filot.env import PROJECT_DIR, Env, Place
from filot.logs import logging_settings
from filot.token_keys import UnusableKey, key_pairs, secret_keys
from ocr_gpu.cores import threads_for

env = Env.of_this_process()

# Core -------------------------------------------------------------------------------------------------------------
BASE_DIR = PROJECT_DIR
ENVIRONMENT = env.filot_env.value
PRODUCTION = env.filot_env is Place.production
FILOT_EMBEDDED = env.filot_embedded and not PRODUCTION
DEBUG = env.debug
PORT = env.port
ALLOWED_HOSTS = env.allowed_hosts
CSRF_TRUSTED_ORIGINS = env.csrf_trusted_origins
TRUSTED_PROXIES = env.trusted_proxies
STARTUP_PROBLEMS = env.problems()
ADMIN_PATH = env.admin_path.strip("/") + "/"


def _own_secret(secret: str, purpose: str) -> str:
    """The secret, or in development and test one that is the same for every process of this checkout."""
    if secret or PRODUCTION:
        return secret
    return hashlib.sha256(f"filot development {purpose} {PROJECT_DIR}".encode()).hexdigest()


SECRET_KEY = _own_secret(env.secret_key.get_secret_value(), "SECRET_KEY")
if PRODUCTION and not SECRET_KEY:
    SECRET_KEY = "missing"  # lets offline commands run; every server refuses to start: filot.checks # noqa: S105

INSTALLED_APPS = [
    "filot",
    "filot.console.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "documents",
    "integrations",
    "verification",
    "review",
    "privacy",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "filot.middleware.correlation",
    "django_structlog.middlewares.RequestMiddleware",
    "filot.traffic.counted",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "filot.middleware.not_cached",
    "filot.middleware.upload_size",
    "filot.middleware.page_methods",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "filot.middleware.RateLimited",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "filot.preferences.language",
    "django.contrib.messages.middleware.MessageMiddleware",
    "filot.idle.limit",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "filot.urls"
WSGI_APPLICATION = "filot.wsgi.application"
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
            ]
        },
    }
]

LANGUAGE_CODE = "id"  # of the console, for whoever has not chosen; the API speaks English: filot.preferences
LANGUAGES = [("id", "Bahasa Indonesia"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
CONSOLE_TIME_ZONE = "Asia/Jakarta"
TIME_ZONE = "UTC"  # must be set: Django's default is America/Chicago and changes the process
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "filot.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "filot.User"
AUTHENTICATION_BACKENDS = ["filot.lockout.LockOut", "filot.backends.StaffBackend"]
# Lock-out of an account from one address; what one account may be tried from anywhere is filot.throttling's.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else who tries on, a stranger too, keeps the owner out
AXES_CLIENT_IP_CALLABLE = "filot.lockout.address_of"
AXES_USERNAME_CALLABLE = "filot.lockout.login_index"
AXES_LOCKOUT_CALLABLE = "filot.lockout.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
SILENCED_SYSTEM_CHECKS = [
    "django_ratelimit.W001",  # our cache backend is RedisCache with another behaviour when Redis is down
    "django_ratelimit.E003",
]

# PostgreSQL -------------------------------------------------------------------------------------------------------


DATABASE_LIMITS: dict[str, Any] = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds until a peer that is gone is given up
    "keepalives_idle": 10,  # seconds
    "options": "-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s",
}


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": env.database_conn_max_age,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**DATABASE_LIMITS, **dict(parse_qsl(parts.query))},
    }


DATABASES = {"default": _database(env.database_url)}

# Redis: every client has its limits, since redis-py's own retries stall a command 3-4 s when Redis is down ----------


def _redis_url() -> str:
    parts = urlsplit(env.redis_url)
    scheme = "rediss" if env.redis_tls else parts.scheme
    password = env.redis_password.get_secret_value()
    netloc = f":{password}@{parts.netloc}" if password and "@" not in parts.netloc else parts.netloc
    return parts._replace(scheme=scheme, netloc=netloc).geturl()


REDIS_URL = _redis_url()
# A request may meet a deaf Redis twice, in the limiter and when it rings (documents.queue): under a second together.
REDIS_TIMEOUTS: dict[str, Any] = {"socket_connect_timeout": 0.3, "socket_timeout": 0.4}
CACHES = {
    "default": {
        "BACKEND": "filot.cache.LimitedRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "filot",
        "OPTIONS": {**REDIS_TIMEOUTS, "retry": None},
    },
}
RATELIMIT_USE_CACHE = "default"
RATELIMIT_FAIL_OPEN = True  # what then stands in for the limiter: filot.throttling

# Celery: a hint that there is work; the row says whether there is ---------------------------------------------------
OCR_GPU_QUEUE = "ocr.gpu"
OCR_CPU_QUEUE = "ocr.cpu"
DEFAULT_QUEUE = "default"
QUEUES = [OCR_GPU_QUEUE, OCR_CPU_QUEUE, DEFAULT_QUEUE]
CELERY_BROKER_URL = REDIS_URL
# Without a word on it kombu speaks TLS to whoever answers; other clients of Redis check the certificate by themselves.
CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": "required"} if CELERY_BROKER_URL.startswith("rediss://") else False
CELERY_TASK_DEFAULT_QUEUE = DEFAULT_QUEUE
CELERY_TASK_SERIALIZER = "json"  # pickle would run whatever somebody wrote into Redis
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # and no result backend: what came of a task stands in the rows
CELERY_TASK_ACKS_LATE = True  # a hint whose worker dies comes back, sooner than the sweep would ring again
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # else it counts as done when a process of a prefork pool is killed
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # what a busy worker holds back no idle one can take
# Where the pool has limits (prefork): a process that hangs, in a driver for instance, is killed and another forked.
# Over the longest claim: by then the document has been taken from it. solo and threads have none.
CELERY_TASK_TIME_LIMIT = env.ocr_gpu_lock_ttl + 60
CELERY_DB_REUSE_MAX = 1000  # tasks; else Celery makes a connection anew for each. filot.celery checks it before a task
CELERY_WORKER_CONCURRENCY = env.ocr_gpu_concurrency  # of a worker that is started without --concurrency
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False  # else Celery takes away the standard error that our log handler writes to
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True  # a worker may be up before Redis is
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: an outage of Redis must need no restart of workers
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Over every hard time limit, or a long task runs twice; the sweep, not the broker, brings lost work back.
    "visibility_timeout": max(3600, 2 * CELERY_TASK_TIME_LIMIT),
    # Each interval is a look for what became visible again; without the throttle only each tenth is one.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # Seconds of silence after which a connection is tried before it is used; and of kombu's looks for a BRPOP that was
    # never answered: the loop waits for no time limit there.
    "health_check_interval": 5,
    "socket_keepalive": True,  # a peer that is gone without a word is noticed by the kernel
    "socket_connect_timeout": 2,
    # Of each other command, one after the other: with 30 s a worker was gone for two minutes when Redis had not
    # answered for 20 s. Over BRPOP's wait of a second; who rings has shorter limits of his own: documents.queue.
    "socket_timeout": 3,
    "retry_on_timeout": False,  # redis-py's own retries stall a command for 3-4 s
}
CELERY_TASK_PUBLISH_RETRY = False  # `on_commit` is the fast path only: a lost hint is found by the sweep
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep documents": {
        "task": "verification.sweep",
        "schedule": env.ocr_gpu_reaper_interval,
        "options": {"expires": env.ocr_gpu_reaper_interval},
    },
    "sweep reviews": {"task": "review.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "compare reviews with Temporal": {
        "task": "review.reconcile",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "forget old exchanges": {"task": "review.forget_exchanges", "schedule": 3600.0, "options": {"expires": 3600}},
    "forget ended sessions": {"task": "filot.clear_sessions", "schedule": 86400.0, "options": {"expires": 3600}},
    "look at certificates": {
        "task": "filot.look_at_certificates",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "sweep originals": {"task": "documents.sweep_originals", "schedule": 3600.0, "options": {"expires": 3600}},
}

# API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["filot.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["filot.throttling.RateLimit"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "filot.errors.answer",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "FiLot",
    "DESCRIPTION": "Upload a KTP or NPWP card, follow its verification, read the result.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "filot.schema.add_errors"],
}
try:
    JWT_KEY_PAIRS = key_pairs(key.get_secret_value() for key in env.jwt_signing_keys)
except UnusableKey as error:
    JWT_KEY_PAIRS = {}
    STARTUP_PROBLEMS.append(f"JWT_SIGNING_KEYS: {error}")
_jwt_secret = env.jwt_secret.get_secret_value()
_jwt_secret = _jwt_secret if env.jwt_signing_keys else _own_secret(_jwt_secret, "JWT_SECRET")
JWT_SECRET_KEYS = secret_keys([_jwt_secret, env.jwt_secret_previous.get_secret_value()])
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": "HS256",  # of the secret; filot.tokens says which key signs
    "SIGNING_KEY": _jwt_secret,
    "ISSUER": env.jwt_issuer,
    "AUDIENCE": env.jwt_audience,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.jwt_access_minutes),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.jwt_refresh_days),
    "UPDATE_LAST_LOGIN": True,
}
JWKS_URL = env.jwks_url
JWKS_ISSUER = env.jwks_issuer
JWKS_AUDIENCE = env.jwks_audience or env.stack_project_id
RATE_LIMITS = {
    "all": env.rate_limit_per_minute,
    "action": env.rate_limit_action_per_minute,
    "webhook": env.rate_limit_webhook_per_minute,
}
AUTO_PROCESS = env.auto_process
QUEUE_MAX_DEPTH = env.queue_max_depth
QUEUE_MAX_AGE = env.queue_max_age
OWNER_MAX_WAITING = env.owner_max_waiting
OWNER_MAX_DOCUMENTS = env.owner_max_documents
OWNER_MAX_BYTES = env.owner_max_bytes
OWNER_FAST_LANE = env.owner_fast_lane

# Browser-facing security --------------------------------------------------------------------------------------------
CSRF_FAILURE_VIEW = "filot.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 8 * 3600
SESSION_IDLE_SECONDS = 30 * 60
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
# Behind a proxy that ends TLS and says so. Probes and the scraper come from inside, without it.
SECURE_SSL_REDIRECT = PRODUCTION and bool(TRUSTED_PROXIES)
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
LOGIN_URL = f"/{ADMIN_PATH}login/"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
WHITENOISE_USE_FINDERS = not PRODUCTION

# Originals ----------------------------------------------------------------------------------------------------------
MAX_UPLOAD_BYTES = env.max_upload_bytes
CLAMD_ADDRESS = env.clamd_address
MULTIPART_OVERHEAD_BYTES = 16 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
# An upload never becomes a temporary file: nothing to clean up. Django compares the whole body with it.
FILE_UPLOAD_MAX_MEMORY_SIZE = MAX_UPLOAD_BYTES + MULTIPART_OVERHEAD_BYTES
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]


def _originals() -> dict[str, Any]:
    if not env.cf_r2_endpoint:
        return {
            "BACKEND": "documents.storage.Folder",
            "OPTIONS": {
                "location": env.media_root,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    return {
        "BACKEND": "documents.storage.ObjectStore",
        "OPTIONS": {
            "endpoint_url": env.cf_r2_endpoint,
            "access_key": env.cf_r2_access_key_id,
            "secret_key": env.cf_r2_secret_access_key.get_secret_value(),
            "bucket_name": env.cf_r2_bucket_name,
            "region_name": env.cf_r2_region,
        },
    }


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "originals": _originals(),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}


def _key(encoded: str) -> bytes:
    """The bytes of a key, none when it is no base64: filot.checks then says that it has not 32 bytes."""
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""


def _development_key(purpose: str) -> bytes:
    return b"" if PRODUCTION else hashlib.sha256(_own_secret("", purpose).encode()).digest()


def _master_keys() -> list[SecretStr]:
    if not env.encryption_keys_file:
        return env.encryption_keys
    try:
        if env.encryption_keys_file.stat().st_mode & 0o077:
            STARTUP_PROBLEMS.append("ENCRYPTION_KEYS_FILE can be read by others: chmod 600")
        return [SecretStr(line) for line in env.encryption_keys_file.read_text().split()]
    except (OSError, UnicodeError) as error:
        STARTUP_PROBLEMS.append(f"ENCRYPTION_KEYS_FILE cannot be read: {type(error).__name__}")
        return []


def _keys(variable: str, given: list[SecretStr]) -> dict[str, bytes]:
    """Key id -> 32 bytes, the one in use first."""
    named = [key.get_secret_value().partition(":") for key in given]
    if not named and not PRODUCTION:
        return {"dev": _development_key(variable)}
    return {name: _key(encoded) for name, _, encoded in named}


ENCRYPTION_KEYS = _keys("ENCRYPTION_KEYS", _master_keys())
AUDIT_KEYS = _keys("AUDIT_KEYS", env.audit_keys)
MASTER_KEY_KMS_ID = env.master_key_kms_id
KMS_ENDPOINT, KMS_REGION = env.kms_endpoint, env.kms_region


def _key_store() -> dict[str, Any]:
    if not env.key_store_bucket_name:
        return {"root": env.key_store_root or BASE_DIR / "var" / "keys"}
    secret = env.key_store_secret_access_key.get_secret_value() or env.cf_r2_secret_access_key.get_secret_value()
    return {
        "bucket": env.key_store_bucket_name,
        "endpoint_url": env.key_store_endpoint or env.cf_r2_endpoint or None,
        "aws_access_key_id": env.key_store_access_key_id or env.cf_r2_access_key_id,
        "aws_secret_access_key": secret,
        "region_name": env.cf_r2_region,
    }


KEY_STORE = _key_store()
_BLIND_INDEX = env.blind_index_key.get_secret_value()
BLIND_INDEX_KEY = _key(_BLIND_INDEX) if _BLIND_INDEX else _development_key("BLIND_INDEX_KEY")
DOWNLOAD_LINK_SECONDS = 300

# Reading and judging: one line a document type ----------------------------------------------------------------------
DOCUMENT_TYPES = {"KTP": "verification.ktp", "NPWP": "verification.npwp"}
SCORING_POLICY = env.scoring_policy
AI_SCORE_THRESHOLD_AUTO_APPROVE = env.ai_score_threshold_auto_approve
AI_SCORE_THRESHOLD_AUTO_REJECT = env.ai_score_threshold_auto_reject
OCR_ENGINES = {OCR_CPU_QUEUE: env.ocr_cpu_engine, OCR_GPU_QUEUE: env.ocr_gpu_engine}
OCR_CPU_WORKERS = env.ocr_cpu_workers
OCR_CPU_THREADS = env.ocr_cpu_threads or threads_for(env.ocr_cpu_workers)
OCR_STOP_SECONDS = env.ocr_stop_seconds
OCR_STALLED_AFTER = env.ocr_stalled_after
OCR_REUSE_READINGS = env.ocr_reuse_readings
OCR_GPU_ENABLED = env.ocr_gpu_enabled
OCR_GPU_BATCH_SIZE = env.ocr_gpu_batch_size
OCR_GPU_DEVICE = env.ocr_gpu_device
VISIBLE_GPUS = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]  # to this process
OCR_GPU_MAX_RETRIES = env.ocr_gpu_max_retries
OCR_GPU_STUCK_TIMEOUT = env.ocr_gpu_stuck_timeout
OCR_GPU_REAPER_INTERVAL = env.ocr_gpu_reaper_interval
OCR_GPU_LOCK_TTL = env.ocr_gpu_lock_ttl
OCR_GPU_AUTOFALLBACK = env.ocr_gpu_autofallback
OCR_GPU_FALLBACK_AFTER = env.ocr_gpu_fallback_after

# BULI2 ------------------------------------------------------------------------------------------------------------
BULI2_MODE = env.buli2_mode.value
BULI2_API_URL = env.buli2_api_url.rstrip("/")
BULI2_API_KEY = env.buli2_api_key.get_secret_value()
BULI2_SIGNATURE_SECRETS = [
    secret.get_secret_value()
    for secret in (env.buli2_signature_secret, env.buli2_signature_secret_previous)
    if secret.get_secret_value()
]
BULI2_REQUIRE_TIMESTAMP = env.buli2_require_timestamp
BULI2_SEND_OCR_TEXT = env.buli2_send_ocr_text
BULI2_CALLBACK_BASE_URL = env.buli2_callback_base_url.rstrip("/")
BULI2_KEEP_POLLS_DAYS = env.buli2_keep_polls_days
BULI2_TIMEOUTS = (env.buli2_connect_timeout, env.buli2_read_timeout)
SERVICE_INTERNAL_KEY = env.service_internal_key.get_secret_value()

# Temporal ---------------------------------------------------------------------------------------------------------
TEMPORAL_ADDRESS = env.temporal_address
TEMPORAL_NAMESPACE = env.temporal_namespace
TEMPORAL_TASK_QUEUE = env.temporal_task_queue
TEMPORAL_API_KEY = env.temporal_api_key.get_secret_value()
TEMPORAL_TLS = env.temporal_tls
TEMPORAL_TLS_CERT = env.temporal_tls_cert
TEMPORAL_TLS_KEY = env.temporal_tls_key
TEMPORAL_TLS_CA = env.temporal_tls_ca
TEMPORAL_TLS_SERVER_NAME = env.temporal_tls_server_name
REVIEW_SLA_HOURS = env.review_sla_hours
REVIEW_MAX_DAYS = env.review_max_days

# Logs and metrics -------------------------------------------------------------------------------------------------
METRICS_ENABLED = env.metrics_enabled
METRICS_PORT = env.metrics_port
OTEL_EXPORTER_OTLP_ENDPOINT = env.otel_exporter_otlp_endpoint.rstrip("/")
PROMETHEUS_MULTIPROC_DIR = env.prometheus_multiproc_dir
METRICS_TOKEN = env.metrics_token.get_secret_value()
if env.prometheus_multiproc_dir:  # prometheus_client reads only the real environment, when it is imported
    env.prometheus_multiproc_dir.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(env.prometheus_multiproc_dir))
if env.cloudwatch_enabled:
    CELERY_BEAT_SCHEDULE["report queues"] = {
        "task": "filot.report_queues",
        "schedule": 60.0,
        "options": {"expires": 60},
    }
LOGGED_SECRETS = [
    secret
    for secret in (
        SECRET_KEY,
        _jwt_secret,
        env.jwt_secret_previous.get_secret_value(),
        *(key.get_secret_value().partition(":")[2] for key in env.jwt_signing_keys),
        env.redis_password.get_secret_value(),
        env.cf_r2_secret_access_key.get_secret_value(),
        BULI2_API_KEY,
        *BULI2_SIGNATURE_SECRETS,
        SERVICE_INTERNAL_KEY,
        TEMPORAL_API_KEY,
        METRICS_TOKEN,
        DATABASES["default"]["PASSWORD"],
        env.blind_index_key.get_secret_value(),
        env.key_store_secret_access_key.get_secret_value(),
        *(base64.b64encode(key).decode() for keys in (ENCRYPTION_KEYS, AUDIT_KEYS) for key in keys.values()),
    )
    if len(secret) >= 8
]
LOGGING_CONFIG = None
LOGGING = logging_settings(
    env.log_level,
    env.log_format,
    LOGGED_SECRETS,
    emf_namespace=env.cloudwatch_namespace if env.cloudwatch_enabled else "",
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it believes X-Forwarded-For, and a task would carry the address
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
