"""What every store outside the database has in common: how long it is waited for, and what its absence is called."""

from botocore.config import Config

CONNECT_TIMEOUT = 3  # seconds
READ_TIMEOUT = 10  # seconds
ATTEMPTS = 2


class StoreUnavailable(Exception):
    """The store did not answer, or refused."""


def client_config() -> Config:
    """An S3 client as Cloudflare R2 speaks it: signature v4, path style, no checksums it did not ask for."""
    return Config(
        s3={"addressing_style": "path"},
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
