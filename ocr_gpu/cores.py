"""How many cores this process may use: what the machine has is not what a container or a CPU set gives."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available(cgroup: Path = CGROUP) -> int:
    """Whole cores by CPU affinity and by the container's quota, at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, min(allowed, int(quota) if quota else allowed))


def threads_for(processes: int, cores: int | None = None) -> int:
    """The threads of each of so many processes that read at the same time: together no more than there are cores.

    More threads than cores take longer: they wait for each other at the end of each layer.
    """
    return max(1, (available() if cores is None else cores) // max(1, processes))


def _quota(cgroup: Path) -> float | None:
    """Cores by version 2 (cpu.max) or 1 (cpu.cfs_quota_us); None without a limit, or where none can be read."""
    try:
        if (cgroup / "cpu.max").exists():
            most, period = (cgroup / "cpu.max").read_text().split()
        else:
            most = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        return float(most) / float(period) if most not in ("max", "-1") else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
