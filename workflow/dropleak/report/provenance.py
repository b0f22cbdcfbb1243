"""Where results come from: code, configuration, versions, machines, and checksums of every file."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pyarrow as pa

from dropleak import __version__
from dropleak.assets import CLONE, ROOT
from dropleak.tables import parquet

PACKAGES = (
    *("snakemake", "torch", "torchvision", "numpy", "scipy", "scikit-image", "scikit-learn"),
    *("pandas", "pyarrow", "matplotlib", "seaborn"),
)


def versions() -> dict[str, str]:
    """Versions of this project, Python, and the packages that are installed."""
    versions = {"dropleak": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def revision(clone: Path | None = CLONE) -> dict[str, str | bool | None]:
    """The git commit of the code, and whether the code differs from it.

    It comes from the clone, or from pip's record if the library was installed from a git address.

    Returns:
        `commit` and `dirty`; if they are unknown, both are None, and `no_commit` says why.
    """
    return _installed() if clone is None else _checked_out(clone)


def _unknown(reason: str) -> dict[str, str | bool | None]:
    return {"commit": None, "dirty": None, "no_commit": reason}


def _installed() -> dict[str, str | bool | None]:
    """`revision` of an installed library."""
    record = json.loads(distribution("dropleak").read_text("direct_url.json") or "{}")
    if "vcs_info" not in record:
        return _unknown("the code was not installed from a git address")
    return {"commit": record["vcs_info"]["commit_id"], "dirty": False}


def _checked_out(folder: Path) -> dict[str, str | bool | None]:
    """`revision` of a clone.

    Git must not look in the folders above, which may belong to another project's repository, nor
    where environment variables point. Untracked files only count in workflow/: elsewhere they are
    a user's configuration, which is recorded anyway, or a report.
    """

    def git(*arguments: str) -> str:
        # With both given, git also accepts a checkout that belongs to another user.
        location = [f"--git-dir={folder / '.git'}", f"--work-tree={folder}"]
        return subprocess.run(
            ["git", "--no-optional-locks", *location, *arguments],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
            | {"LC_ALL": "C"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        ).stdout.strip()

    if not os.path.lexists(folder / ".git"):
        return _unknown("the code is not a git checkout")
    try:
        commit = git("rev-parse", "--verify", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
        added = git("status", "--porcelain", "--untracked-files=normal", "workflow")
    except subprocess.CalledProcessError as error:
        return _unknown(f"git cannot read it ({error.stderr.strip()})")
    except OSError as error:
        return _unknown(f"git cannot be started ({error.strerror})")
    return {"commit": commit, "dirty": bool(changed or added)}


def machine() -> dict[str, str | int | None]:
    """Name, system, processor and cores of this machine."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    """The processor's model, or its architecture where Linux does not tell the model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def checksum(path: str | Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def jobs(paths: Iterable[str], schema: pa.Schema) -> list[dict]:
    """A record of each job: file, checksum, rows, host, device, seconds, revision of the code."""
    records = []
    for path in paths:
        (part,) = parquet.parts(path, schema, ["host", "device", "seconds"])
        rows = part.to_pydict()
        records.append(
            {
                "file": str(path),
                "sha256": checksum(path),
                "rows": len(part),
                "host": rows["host"][0],
                "device": rows["device"][0],
                "seconds": round(sum(rows["seconds"]), 3),
                **(parquet.metadata(part).get("code") or {}),
            }
        )
    return records


def gather(
    folder: Path,
    *,
    config: dict,
    engine_version: int,
    data: Iterable[str],
    results: Iterable[str],
    attacks: list[dict],
    trainings: list[dict],
) -> dict:
    """The full record of where an experiment's results come from, for a JSON file.

    Args:
        folder: of the experiment; file names are relative to it.
        config: complete.
        engine_version: of the attacks.
        data: files that the jobs read.
        results: files made from the jobs' results.
        attacks, trainings: see `jobs`.
    """

    def checksums(paths: Iterable[str]) -> dict[str, str]:
        return {str(Path(path).relative_to(folder)): checksum(path) for path in sorted(paths)}

    return {
        "experiment": config["experiment"],
        "gathered": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": revision() | {"engine_version": engine_version},
        "requirements": {
            "versions": versions(),
            "requirements.txt": checksum(ROOT / "requirements.txt"),
        },
        "machine": machine(),
        "configuration": config,
        "data": checksums(data),
        "results": checksums(results),
        "attacks": attacks,
        "trainings": trainings,
    }
