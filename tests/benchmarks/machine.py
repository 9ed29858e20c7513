"""What the figures were measured on, for whoever compares them with their own."""

import os
import platform
import sqlite3
import ssl
import sys
from importlib.metadata import version

from journal import __version__

PEERS = ("praisonaiagents", "lmdb", "eventsourcing", "diskcache")


def describe(folder: str) -> dict[str, str]:
    """The machine, the file system that holds `folder`, and all versions that matter."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 30} GiB",
        "system": f"Linux {platform.release()}",
        "file system": _file_system(folder),
        "load before the run": f"{os.getloadavg()[0]:.2f}",
        "journal": __version__,
        "Python": f"{platform.python_version()} ({sys.implementation.name})",
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
        "SQLite": sqlite3.sqlite_version,
    }
    for package in ("msgspec", *PEERS, "openai-agents", "pydantic-ai-slim"):
        found[package] = version(package)
    return found


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: str) -> str:
    """The type of the mount that holds `folder`: the longest mount point that leads there."""
    real = os.path.realpath(folder)
    best, kind = "", "unknown"
    with open("/proc/mounts") as lines:
        for line in lines:
            _, point, found, *_ = line.split()
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, found
    return kind
