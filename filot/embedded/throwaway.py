"""The servers that a test run needs, with their data in a temporary folder that goes with them."""

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filot.embedded.postgres import Postgres
from filot.embedded.seaweedfs import SeaweedFs
from filot.embedded.service import Service, start_all, stop_all
from filot.embedded.temporal import Temporal
from filot.embedded.valkey import Valkey


def new_folder() -> Path:
    """Open enough for the user that PostgreSQL runs as when we are root; delete it with `shutil.rmtree`."""
    folder = Path(tempfile.mkdtemp(prefix="filot-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


@dataclass(frozen=True)
class ThrowawayServices:
    """One of each. `start()` once a run, in a process that outlives the tests; `stop()` deletes the data."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    temporal: Temporal
    seaweedfs: SeaweedFs

    @classmethod
    def start(cls) -> "ThrowawayServices":
        """All four in about two seconds. ProgramFailed, with the log's end, if one does not come up."""
        folder = new_folder()
        services = cls(
            folder,
            Postgres(folder / "postgres", password=secrets.token_urlsafe(16), throwaway=True),
            Valkey(folder / "valkey", throwaway=True),
            Temporal(folder / "temporal", throwaway=True),
            SeaweedFs(folder / "seaweedfs", secret_key=secrets.token_urlsafe(16)),
        )
        start_all(services.all())
        return services

    def all(self) -> list[Service]:
        return [self.postgres, self.valkey, self.temporal, self.seaweedfs]

    def environment(self) -> dict[str, str]:
        """What FiLot's settings must read to use them."""
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "TEMPORAL_ADDRESS": self.temporal.address,
        }

    def stop(self) -> None:
        stop_all(self.all())
        shutil.rmtree(self.folder, ignore_errors=True)
