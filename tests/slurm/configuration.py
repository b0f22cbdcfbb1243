"""The configuration files of the cluster on this machine."""

import json
import secrets
import socket
from pathlib import Path

NODES = ("node1", "node2")

ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={munge}
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
AccountingStorageEnforce=limits
"""


def write(folder: Path, accounting: bool, gpus: bool) -> None:
    """Write slurm.conf and the other files, with ports that are free now."""
    host = socket.gethostname()
    ports = dict(zip(("database", "slurmdbd", "slurmctld", *NODES), _free_ports(5), strict=True))
    password = secrets.token_hex()
    munge = folder / "munge" / "socket"
    devices = "Gres=gpu:2" if gpus else ""
    nodes = "\n".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[node]} "
        f"CPUs=2 RealMemory=10000 {devices}"
        for node in NODES
    )
    (folder / "slurm.conf").write_text(
        f"""\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports["slurmctld"]}
SlurmUser=root
# a job that is put back into the queue waits for as long as credentials hold
AuthInfo=socket={munge},cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid

{ACCOUNTING.format(port=ports["slurmdbd"], munge=munge) if accounting else ""}
JobAcctGatherType=jobacct_gather/linux
# a job that exceeds its memory is killed within a second or two
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none

SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
KillWait=5
GresTypes=gpu
{nodes}
PartitionName=main Nodes=ALL Default=YES State=UP
""",
        encoding="utf-8",
    )
    # any two device files stand in for GPUs: they give each its index
    (folder / "gres.conf").write_text(
        "NodeName=node[1-2] Name=gpu Count=2 File=/dev/null,/dev/zero\n" if gpus else "",
        encoding="utf-8",
    )
    (folder / "slurmdbd.conf").write_text(
        f"""\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports["slurmdbd"]}
SlurmUser=root
AuthInfo=socket={munge}
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports["database"]}
StorageUser=slurm
StoragePass={password}
""",
        encoding="utf-8",
    )
    (folder / "slurmdbd.conf").chmod(0o600)
    database = {"port": ports["database"], "password": password}
    (folder / "database.json").write_text(json.dumps(database), encoding="utf-8")
    (folder / "database.json").chmod(0o600)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
