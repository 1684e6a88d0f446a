"""Every environment variable that FiLot reads, with its type, default and meaning.

`filot.settings` is the only importer. `.env.example` is compared with this class both ways by a test.
Read from the process's environment first, then `.env`, then `var/embedded.env`, which `make run` writes so that
a `manage.py` command in another terminal finds the running embedded services.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from filot import production

PROJECT_DIR = Path(__file__).resolve().parent.parent
EMBEDDED_ENV = PROJECT_DIR / "var" / "embedded.env"

WEAK_SECRET_LENGTH = 32
WEAK_PARTNER_SECRET_LENGTH = 16  # the partner chose it, and may have chosen less well


class Place(StrEnum):
    """Where this process runs. Only `development` and `test` may go without secrets of their own."""

    development = "development"
    test = "test"
    production = "production"


class Buli2Mode(StrEnum):
    live = "live"
    sandbox = "sandbox"
    local = "local"


Words = Annotated[list[str], NoDecode]


class Env(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=(EMBEDDED_ENV, PROJECT_DIR / ".env"),
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # of a secret that does not parse
    )

    # Core
    filot_env: Place = Field(Place.production, description="development, test or production")
    filot_embedded: bool = Field(False, description="set by `make run` only: allows the demo accounts")
    port: int = Field(8080, description="port of the web server")
    debug: bool = Field(False, description="Django's debug pages; refused in production")
    allowed_hosts: Words = Field(["127.0.0.1", "localhost"], description="host names the web server answers to")
    csrf_trusted_origins: Words = Field([], description="origins, with scheme, that may post to the admin")
    trusted_proxies: int = Field(0, ge=0, le=5, description="how many proxies in front append to X-Forwarded-For")
    admin_path: str = Field("admin/", description="where the review console lives")
    secret_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("SECRET_KEY", "SESSION_SECRET"),
        description="signs sessions and download links; SESSION_SECRET is its older name",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_format: str = Field("json", pattern="^(json|console)$", description="json or console")
    media_root: Path = Field(PROJECT_DIR / "var" / "media", description="folder of the originals without an S3 store")

    # PostgreSQL
    database_url: str = Field(
        "postgresql://filot@127.0.0.1:5432/filot", description="postgresql://user:password@host:port/name?sslmode=..."
    )
    database_conn_max_age: int = Field(60, ge=0, description="seconds a database connection is kept")

    # Redis
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="broker, cache, rate limits, breaker state")
    redis_password: SecretStr = Field(SecretStr(""), description="used when REDIS_URL has none")
    redis_tls: bool = Field(False, description="speak TLS to Redis (rediss://)")
    redis_trusted_network: bool = Field(
        False, description="the way to Redis is a network of our own: production takes it without TLS"
    )

    # Tokens
    jwt_secret: SecretStr = Field(SecretStr(""), description="signs our own access and refresh tokens (HS256)")
    jwt_secret_previous: SecretStr = Field(SecretStr(""), description="tokens it signed are still believed")
    jwt_signing_keys: Annotated[list[SecretStr], NoDecode] = Field(
        [],
        description="key pairs that sign instead (RSA: RS256, Ed25519: EdDSA), kid:base64 of a PEM, comma separated;"
        " the first signs, all of them verify; JWT_SECRET then only verifies, if it is set",
    )
    jwt_access_minutes: int = Field(15, ge=1, le=15, description="life of an access token in minutes")
    jwt_refresh_days: int = Field(7, ge=1, le=60, description="life of a refresh token in days")
    jwt_issuer: str = Field("filot", description="`iss` of our own tokens")
    jwt_audience: str = Field("filot-api", description="`aud` of our own tokens")
    stack_project_id: str = Field("", description="project of the outside identity provider; its audience by default")
    jwks_url: str = Field("", description="keys of the outside identity provider; empty: own tokens only")
    jwks_issuer: str = Field("", description="`iss` that its tokens must carry")
    jwks_audience: str = Field("", description="`aud` that its tokens must carry; STACK_PROJECT_ID when empty")

    # Keys
    encryption_keys: Annotated[list[SecretStr], NoDecode] = Field(
        [], description="master keys, id:base64 of 32 bytes, comma separated; the first wraps, all of them open"
    )
    encryption_keys_file: Path | None = Field(
        None, description="a file of the same, one a line, readable by us alone; read instead of ENCRYPTION_KEYS"
    )
    master_key_kms_id: str = Field("", description="key of AWS KMS that wraps instead; ENCRYPTION_KEYS go on opening")
    kms_endpoint: str = Field("", description="address of another KMS that speaks AWS's API")
    kms_region: str = Field("", description="region of KMS")
    key_store_root: Path | None = Field(
        None, description="folder of the wrapped data keys, which no database dump or copy of originals may hold"
    )
    key_store_bucket_name: str = Field("", description="bucket of the wrapped data keys instead; not versioned")
    key_store_endpoint: str = Field("", description="its store; that of the originals when empty")
    key_store_access_key_id: str = Field("", description="access key; that of the originals when empty")
    key_store_secret_access_key: SecretStr = Field(
        SecretStr(""), description="secret key; that of the originals when empty"
    )
    blind_index_key: SecretStr = Field(SecretStr(""), description="base64 of 32 bytes: HMAC key of looked-up numbers")
    audit_keys: Annotated[list[SecretStr], NoDecode] = Field(
        [], description="id:base64 of 32 bytes, comma separated; the first signs audit rows, all of them check"
    )

    # Originals on S3 or R2
    cf_r2_endpoint: str = Field("", description="address of R2 or another S3 store; empty: files")
    cf_r2_access_key_id: str = Field("", description="access key")
    cf_r2_secret_access_key: SecretStr = Field(SecretStr(""), description="secret key")
    cf_r2_bucket_name: str = Field("kyc", description="bucket of the originals")
    cf_r2_region: str = Field("auto", description="`auto` for R2")

    # Upload rules
    max_upload_bytes: int = Field(2 * 1024 * 1024, gt=0, description="larger files are refused with 413")
    clamd_address: str = Field(
        "",
        pattern=r"^$|^unix:/.+$|^([\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$",
        description="virus scanner: host:port or unix:/path of clamd; empty: none. While it is down uploads get 503",
    )
    rate_limit_per_minute: int = Field(60, ge=1, description="calls a minute for each user and address")
    rate_limit_action_per_minute: int = Field(10, ge=1, description="upload, process, evaluate, escalate: each")
    rate_limit_webhook_per_minute: int = Field(600, ge=1, description="callbacks of BULI2")
    auto_process: bool = Field(True, description="queue an upload at once")

    # Queue
    queue_max_depth: int = Field(2000, ge=0, description="uploads are refused while so many documents wait; 0: never")
    queue_max_age: int = Field(900, ge=0, description="uploads are refused while one waits so many seconds; 0: never")
    owner_max_waiting: int = Field(200, ge=0, description="documents of one owner that may wait; 0: any number")
    owner_max_documents: int = Field(10_000, ge=0, description="documents kept of one owner; 0: any number")
    owner_max_bytes: int = Field(5 * 1024**3, ge=0, description="bytes kept of one owner; 0: any number")
    owner_fast_lane: int = Field(
        5, ge=0, description="with fewer waiting an owner's next goes before bulk; 0: no lanes"
    )

    # Judging
    scoring_policy: str = Field("standard", description="standard or baseline, until `manage.py use_policy` has chosen")
    ai_score_threshold_auto_approve: int = Field(85, ge=0, le=100, description="from this score a document passes")
    ai_score_threshold_auto_reject: int = Field(35, ge=0, le=100, description="under this score it may be refused")

    # OCR workers
    ocr_cpu_engine: str = Field("rapidocr", description="engine of the ocr.cpu queue")
    ocr_cpu_workers: int = Field(1, ge=1, description="processes of a CPU worker, each with its own engine")
    ocr_cpu_threads: int = Field(0, ge=0, description="threads of each; 0: its share of the cores it is given")
    ocr_reuse_readings: bool = Field(True, description="an identical file is not read again")
    ocr_gpu_enabled: bool = Field(False, description="uploads go to ocr.gpu first")
    ocr_gpu_engine: str = Field("easyocr", description="engine of the ocr.gpu queue")
    ocr_gpu_concurrency: int = Field(1, ge=1, description="processes of a GPU worker, each with its own engine")
    ocr_gpu_batch_size: int = Field(8, ge=1, le=256, description="documents read in one go on a GPU")
    ocr_gpu_device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    ocr_gpu_max_retries: int = Field(3, ge=1, le=10, description="attempts before a person looks")
    ocr_gpu_stuck_timeout: int = Field(300, ge=2, description="seconds of silence after which a claim is reaped")
    ocr_gpu_reaper_interval: int = Field(60, ge=1, description="seconds between two sweeps")
    ocr_gpu_lock_ttl: int = Field(900, ge=2, description="seconds a claim may last in all, heartbeat or not")
    ocr_gpu_autofallback: bool = Field(True, description="hand what waits too long to ocr.cpu")
    ocr_gpu_fallback_after: int = Field(120, ge=1, description="seconds the oldest may wait for a GPU")
    ocr_stop_seconds: int = Field(15, ge=0, le=25, description="after SIGTERM a card is read on so long, or given back")
    ocr_stalled_after: int = Field(300, ge=5, description="OCR is down when a card waits so long and no worker moves")

    # BULI2
    buli2_mode: Buli2Mode = Field(Buli2Mode.local, description="live, sandbox (the simulator) or local (no partner)")
    buli2_api_url: str = Field("", description="https://..., without /internal")
    buli2_api_key: SecretStr = Field(SecretStr(""), description="bearer token towards BULI2")
    buli2_signature_secret: SecretStr = Field(SecretStr(""), description="HMAC secret of its callbacks")
    buli2_signature_secret_previous: SecretStr = Field(SecretStr(""), description="the older secret during a rotation")
    buli2_require_timestamp: bool = Field(False, description="refuse callbacks without x-buli2-timestamp")
    buli2_send_ocr_text: bool = Field(False, description="send the text of the card along")
    buli2_callback_base_url: str = Field("http://127.0.0.1:8080", description="our address as BULI2 sees it")
    buli2_connect_timeout: float = Field(5, gt=0, le=30, description="seconds")
    buli2_read_timeout: float = Field(30, gt=0, le=60, description="seconds")
    buli2_keep_polls_days: int = Field(14, ge=1, description="days that status polls and unknown callbacks are kept")
    service_internal_key: SecretStr = Field(SecretStr(""), description="when set, callbacks carry it as x-service-key")

    # Temporal
    temporal_address: str = Field("127.0.0.1:7233", description="host:port of the frontend")
    temporal_namespace: str = Field("default", description="namespace")
    temporal_task_queue: str = Field("kyc-review", description="task queue of the review workflows")
    temporal_api_key: SecretStr = Field(SecretStr(""), description="API key of Temporal Cloud")
    temporal_tls: bool = Field(False, description="TLS; always on with an API key or a client certificate")
    temporal_tls_cert: Path | None = Field(None, description="client certificate (PEM) for mTLS")
    temporal_tls_key: Path | None = Field(None, description="its key (PEM)")
    temporal_tls_ca: Path | None = Field(None, description="certificate authority of a self-hosted cluster (PEM)")
    temporal_tls_server_name: str = Field("", description="name in its certificate, where the address is another")

    # Reviews
    review_sla_hours: int = Field(24, ge=1, description="hours after which a waiting review is overdue")
    review_max_days: int = Field(7, ge=1, description="days after which a workflow ends as escalated to a person")

    # Metrics
    metrics_enabled: bool = Field(True, description="serve /metrics")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="bearer token of /metrics; empty: private networks only, which production refuses"
    )
    prometheus_multiproc_dir: Path | None = Field(
        None, description="folder the processes of one host share for /metrics"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="workers show their own counters there; 0: nowhere")
    otel_exporter_otlp_endpoint: str = Field("", description="collector of traces, http://...:4318; empty: no traces")
    cloudwatch_enabled: bool = Field(False, description="write CloudWatch EMF lines to the log")
    cloudwatch_namespace: str = Field("FiLot", description="namespace of those lines")

    @field_validator(
        "allowed_hosts", "csrf_trusted_origins", "encryption_keys", "audit_keys", "jwt_signing_keys", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _thresholds_in_order(self) -> "Env":
        if self.ai_score_threshold_auto_reject >= self.ai_score_threshold_auto_approve:
            raise ValueError("AI_SCORE_THRESHOLD_AUTO_REJECT must be under AI_SCORE_THRESHOLD_AUTO_APPROVE")
        return self

    @classmethod
    def of_this_process(cls) -> "Env":
        """What this process is given. A test run reads no file, so that a developer's settings change no test."""
        return cls(_env_file=None) if os.environ.get("FILOT_ENV") == Place.test else cls()

    def problems(self) -> list[str]:
        """What forbids this process to serve, as sentences; empty in development and test."""
        if self.filot_env is not Place.production:
            return []
        found = [f"{name} is missing or shorter than {WEAK_SECRET_LENGTH} characters" for name in self._weak_secrets()]
        if not self.encryption_keys and not self.encryption_keys_file and not self.master_key_kms_id:
            found.append("ENCRYPTION_KEYS is missing: originals and personal columns could not be sealed")
        if not self.key_store_bucket_name and not self.key_store_root:
            found.append("KEY_STORE_BUCKET_NAME or KEY_STORE_ROOT is missing: say where data keys are kept for good")
        if self.key_store_bucket_name and self.key_store_bucket_name == self.cf_r2_bucket_name:
            found.append("KEY_STORE_BUCKET_NAME is the bucket of the originals: their copies would hold the keys too")
        if not self.blind_index_key.get_secret_value():
            found.append("BLIND_INDEX_KEY is missing: numbers could not be looked up")
        if not self.audit_keys:
            found.append("AUDIT_KEYS is missing: audit rows could not be signed")
        if "database_url" not in self.model_fields_set:
            found.append("DATABASE_URL is missing")
        if self.debug:
            found.append("DEBUG must be off in production")
        if self.filot_embedded:
            found.append("FILOT_EMBEDDED must be off in production: it allows accounts with a known password")
        return found + self._partner_problems() + production.open_doors(self) + production.guessable(self)

    def _weak_secrets(self) -> list[str]:
        secrets = {"SECRET_KEY": self.secret_key, "JWT_SECRET": self.jwt_secret}
        if self.jwt_signing_keys and not self.jwt_secret.get_secret_value():
            del secrets["JWT_SECRET"]
        if self.jwt_secret_previous.get_secret_value():
            secrets["JWT_SECRET_PREVIOUS"] = self.jwt_secret_previous
        return [name for name, value in secrets.items() if len(value.get_secret_value()) < WEAK_SECRET_LENGTH]

    def _partner_problems(self) -> list[str]:
        if self.buli2_mode is Buli2Mode.sandbox:
            return ["BULI2_MODE=sandbox speaks to a simulator: use live or local in production"]
        if self.buli2_mode is Buli2Mode.local:
            return []
        needed = {
            "BULI2_API_URL": self.buli2_api_url,
            "BULI2_API_KEY": self.buli2_api_key.get_secret_value(),
            "BULI2_SIGNATURE_SECRET": self.buli2_signature_secret.get_secret_value(),
        }
        found = [f"{name} is missing and BULI2_MODE is live" for name, value in needed.items() if not value]
        if 0 < len(self.buli2_signature_secret.get_secret_value()) < WEAK_PARTNER_SECRET_LENGTH:
            found.append(f"BULI2_SIGNATURE_SECRET is shorter than {WEAK_PARTNER_SECRET_LENGTH} characters")
        if urlsplit(self.buli2_callback_base_url).hostname in {"127.0.0.1", "localhost", None}:
            found.append("BULI2_CALLBACK_BASE_URL names this machine: BULI2 could not call back")
        addresses = {"BULI2_API_URL": self.buli2_api_url, "BULI2_CALLBACK_BASE_URL": self.buli2_callback_base_url}
        found += [
            f"{name} must be https in production"
            for name, address in addresses.items()
            if address and urlsplit(address).scheme != "https"
        ]
        return found
