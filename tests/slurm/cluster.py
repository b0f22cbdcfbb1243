"""A Slurm cluster on this machine: two nodes with two simulated GPUs each, and accounting.

    python tests/slurm/cluster.py up      # make slurm-up
    python tests/slurm/cluster.py down    # make slurm-down

Everything listens on loopback and is in one folder. Needs Debian's packages slurm-wlm, slurmdbd,
munge and mariadb-server, and root, because /etc/slurm links to the configuration of Slurm's
commands.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import configuration
from configuration import NODES

FOLDER = Path(tempfile.gettempdir(), "dropleak-slurm")
CONFIGURATION = Path("/etc/slurm/slurm.conf")
"""Where Slurm's commands look for it, even in a job without its environment."""

DAEMONS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd")
WAIT = 60
"""Most seconds that a daemon may take to answer."""

_children: dict[int, subprocess.Popen] = {}
"""Daemons that this process has started."""


def why_not() -> str | None:
    """Why this machine cannot have a cluster; None if it can."""
    missing = [daemon for daemon in DAEMONS if not _find(daemon)]
    if missing:
        return f"not installed: {', '.join(missing)} (make slurm-test installs them on Debian)"
    if os.geteuid() != 0:
        return "a Slurm cluster can only be started by root"
    if os.path.lexists(CONFIGURATION) and not _is_ours(CONFIGURATION):
        return f"this machine has a Slurm of its own: {CONFIGURATION}"
    return None


def up(accounting: bool = True, gpus: bool = True) -> None:
    """Start the cluster, and return when its nodes take jobs.

    Raises RuntimeError, naming the log to look at, if a daemon does not come up.
    """
    down()
    (FOLDER / "log").mkdir(parents=True)
    configuration.write(FOLDER, accounting, gpus)
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.symlink_to(FOLDER / "slurm.conf")
    _start_munge()
    if accounting:
        _start_database()
        _start("slurmdbd", "-D", ready=lambda: _answers("sacctmgr", "-n", "show", "cluster"))
        for entity in (
            ["cluster", "loopback"],
            ["account", "research"],
            ["user", "root", "account=research"],
        ):
            command = ["sacctmgr", "-i", "add", *entity]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    _start("slurmctld", "-D", ready=lambda: _answers("scontrol", "ping"))
    for node in NODES:
        start_node(node)


def down() -> None:
    """Kill the cluster, by its process ids, and remove its folder."""
    for pid in [*_steps(*NODES), *_processes().values()]:
        _kill(pid)
    while _children:
        _children.popitem()[1].wait()
    if _is_ours(CONFIGURATION):
        CONFIGURATION.unlink()
    shutil.rmtree(FOLDER, ignore_errors=True)


def start_node(node: str) -> None:
    """Start a node's slurmd, and return when the node takes jobs."""
    _start("slurmd", "-D", "-N", node, name=node, ready=lambda: _state(node) in ("idle", "mixed"))


def crash_node(node: str) -> None:
    """Kill a node and everything on it, as a power failure would, and tell the controller."""
    for pid in [_processes()[node], *_steps(node)]:
        _kill(pid)
    subprocess.run(
        ["scontrol", "update", f"nodename={node}", "state=down", "reason=crashed"], check=True
    )


def repair_node(node: str) -> None:
    """Start a crashed node again."""
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=True)
    start_node(node)


def _start_munge() -> None:
    folder = FOLDER / "munge"
    folder.mkdir(mode=0o711)
    (folder / "key").write_bytes(secrets.token_bytes(1024))
    (folder / "key").chmod(0o400)
    _start(
        "munged",
        "--foreground",
        f"--key-file={folder / 'key'}",
        f"--socket={folder / 'socket'}",
        f"--pid-file={folder / 'pid'}",
        f"--log-file={folder / 'log'}",
        f"--seed-file={folder / 'seed'}",
        ready=lambda: _answers("munge", "--no-input", f"--socket={folder / 'socket'}"),
    )


def _start_database() -> None:
    folder = FOLDER / "database"
    with open(FOLDER / "log" / "mariadb-install-db", "w", encoding="utf-8") as log:
        subprocess.run(
            ["mariadb-install-db", "--user=root", f"--datadir={folder}", "--skip-test-db"],
            check=True,
            stdout=log,
            stderr=log,
        )
    database = json.loads((FOLDER / "database.json").read_text(encoding="utf-8"))
    socket = f"--socket={FOLDER}/database.socket"
    _start(
        "mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={folder}",
        socket,
        f"--port={database['port']}",
        "--bind-address=127.0.0.1",
        f"--pid-file={FOLDER}/database.pid",
        ready=lambda: _answers("mariadb-admin", "--no-defaults", socket, "ping"),
    )
    subprocess.run(
        ["mariadb", "--no-defaults", socket],
        input="create database slurm_acct_db;"
        "grant all on slurm_acct_db.* to slurm@localhost "
        f"identified by '{database['password']}';",
        text=True,
        check=True,
    )


def _start(daemon: str, *arguments: str, ready: Callable[[], bool], name: str = "") -> None:
    """Start a daemon in its own session, and return when it is ready."""
    name = name or daemon
    log = FOLDER / "log" / name
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [_find(daemon), *arguments],
            env=os.environ | {"SLURM_CONF": str(FOLDER / "slurm.conf")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _children[process.pid] = process
    processes = FOLDER / "processes.json"
    processes.write_text(json.dumps(_processes() | {name: process.pid}), encoding="utf-8")
    deadline = time.monotonic() + WAIT
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"{name} did not start; see {log}:\n{log.read_text(encoding='utf-8')[-2000:]}"
            )
        time.sleep(0.1)


def _processes() -> dict[str, int]:
    """Process ids of the running daemons, in the order in which they were started."""
    path = FOLDER / "processes.json"
    started = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: pid for name, pid in started.items() if _program(pid) in DAEMONS}


def _program(pid: int) -> str:
    """The program of a process, because its id may have been reused."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return os.path.basename(words[0].decode())


def _steps(*nodes: str) -> list[int]:
    """Processes on some nodes: first Slurm's shepherds of the jobs, then the jobs' own."""
    marks = {f"SLURMD_NODENAME={node}".encode() for node in nodes}
    jobs, shepherds = [], set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marks & set((entry / "environ").read_bytes().split(b"\0")):
                jobs.append(int(entry.name))
                shepherds.add(_parent(entry.name))
        except OSError:
            continue  # it has ended
    shepherds = [pid for pid in shepherds if _program(pid).startswith("slurmstepd")]
    return [*shepherds, *jobs]


def _parent(pid: str) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def _kill(pid: int) -> None:
    """Kill a process, and return when it has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while _alive(pid):
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    if pid in _children and _children[pid].poll() is not None:
        return False
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            != "Z"
        )
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    return path.is_symlink() and path.readlink().parent == FOLDER


def _state(node: str) -> str:
    command = ["sinfo", "--noheader", "--nodes", node, "--format", "%T"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def _answers(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    {"up": up, "down": down}[sys.argv[1]]()
