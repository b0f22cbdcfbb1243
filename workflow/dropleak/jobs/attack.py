"""An attack job: what `experiment.attack_images` does, whatever happens to the job or its GPU."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import torch

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.backends.choice import choose
from dropleak.errors import InputError
from dropleak.jobs.experiment import Client, attack_images
from dropleak.runtime.checkpoint import Checkpoint
from dropleak.runtime.device import name as device_name
from dropleak.tables import parquet


def attack_job(
    images: pa.Table,
    settings: Mapping,
    *,
    names: tuple[str, str],
    rate: float,
    device: str,
    path: str | Path,
    progress: Callable[[int], None],
) -> pa.Table:
    """Attack some images; go on from where an earlier try of the same job was stopped.

    Args:
        images: rows of the image table, update by update.
        settings: see `identity.of_attack`.
        names: of client and attacker.
        rate: dropout rate of the clients.
        device: where, for torch.
        path: of the checkpoint. The caller removes it when the result is safe.
        progress: told the iterations done so far.

    Returns:
        see `experiment.attack_images`.

    Raises:
        InputError: if the GPU's memory cannot hold a single update.
        StoppedError: if the job was told to stop.
    """
    client, attacker = Client(**settings["client"]), Attacker(**settings["attacker"])
    like = torch.empty(0, dtype=getattr(torch, settings["precision"]), device=device)
    backend = choose(client.build(parquet.metadata(images)), attacker, like)
    print(backend)
    where = {
        "backend": backend.name,
        "torch": torch.__version__,
        "device": device_name(device),
    }

    def attack(part: pa.Table) -> pa.Table:
        about = {"names": names, "rate": rate, "images": part["index"].to_pylist()}
        checkpoint = Checkpoint(path, {"settings": settings, **about, **where})
        with checkpoint.heeding_signals():
            return attack_images(
                part,
                names=names,
                attacker=attacker,
                client=client,
                rate=rate,
                seed=settings["seed"],
                iterations=settings["iterations"],
                precision=settings["precision"],
                device=device,
                progress=progress,
                checkpoint=checkpoint,
            )

    return in_memory(attack, images, client.images_per_update)


def in_memory(
    attack: Callable[[pa.Table], pa.Table], images: pa.Table, images_per_update: int
) -> pa.Table:
    """Attack all images at once, or in halves, if the GPU's memory does not hold what that takes.

    Raises:
        InputError: if it cannot hold a single update.
    """
    try:
        return attack(images)
    except torch.OutOfMemoryError:
        pass  # outside, nothing of the attempt is held any more
    torch.cuda.empty_cache()
    if len(images) <= images_per_update:
        raise InputError(
            "the GPU's memory cannot hold the attack on one update: lower data.size, the "
            "attacker's restarts, or the client's images_per_update, or attack on the CPU "
            "(--set-resources attack:gpu=0)"
        )
    half = len(images) // images_per_update // 2 * images_per_update
    print(
        f"the GPU's memory cannot hold the attack on {len(images)} images: going on with {half} "
        f"and {len(images) - half}, one after the other; a lower attack.images_per_job avoids it"
    )
    parts = [images.slice(0, half), images.slice(half)]
    return pa.concat_tables(in_memory(attack, part, images_per_update) for part in parts)
