"""An attack job: from the images of some clients to rows of the attacks table."""

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from dropleak.engine import defences, rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.restarts import reconstruct_best
from dropleak.engine.attack.state import STATE_VERSION
from dropleak.engine.backends.choice import choose
from dropleak.engine.client.client import Client
from dropleak.engine.client.update import compute_update
from dropleak.engine.defences.defence import Defence
from dropleak.engine.models.model import Model
from dropleak.errors import InputError
from dropleak.jobs.checkpoint import AttackCheckpoint
from dropleak.jobs.images import in_common, network_of, pixels_in_parts, tensors
from dropleak.jobs.rows import attack_rows
from dropleak.planning import networks, trial
from dropleak.planning.versions import ENGINE_VERSION
from dropleak.runtime.checkpoint import Checkpoint
from dropleak.runtime.device import name as device_name
from dropleak.scoring import identification
from dropleak.scoring.score import score
from dropleak.scoring.trajectory import TrajectoryObserver
from dropleak.tables import parquet
from dropleak.tables.weights import Weights


def attack_job(
    images: pa.Table,
    settings: Mapping,
    *,
    names: tuple[str, str],
    rate: float,
    device: str,
    path: str | Path,
    progress: Callable[[int], None],
    candidates: Callable[[], Iterable[pa.Table]],
    files: Mapping[str, str] = {},
    weights: Weights | None = None,
) -> pa.Table:
    """Attack the clients of the given images, resuming an earlier attempt at the same job.

    Args:
        images: rows of the image table, update by update.
        settings: see `identity.of_attack`.
        names: of client and attacker.
        rate: dropout rate of the clients.
        device: torch's name of it.
        path: of the checkpoint; the caller removes it once the result is saved.
        progress: called with the number of iterations done.
        candidates: reads the images among which a reconstruction may identify one, which are the
            data set's part that `images` come from, table by table.
        files: settings of the client that are paths of files, of which `settings` has the content.
        weights: of all clients, if their network is trained.

    Returns:
        one row per image, with the columns `schemas.ATTACKS`.

    Raises:
        InputError: if the GPU's memory cannot hold a single update, or the client's network cannot
            be loaded or attacked.
        StoppedError: if the job was told to stop.
    """
    client, seed = Client(**{**settings["client"], **files}), settings["seed"]
    _try(client, images, seed, settings["precision"])
    like = torch.empty(0, dtype=getattr(torch, settings["precision"]), device=device)
    job = _Job(
        network=network_of(client, images, seed),
        images_per_update=client.images_per_update,
        defence=defences.make(client.defence),
        attacker=Attacker(**settings["attacker"]),
        rate=rate,
        seed=seed,
        iterations=settings["iterations"],
        like=like,
        weights=None if weights is None else in_common(weights),
    )
    backend = choose(job.network, job.attacker, job.like, job.defence)
    print(backend)
    made_by = {"torch": torch.__version__, "device": device_name(device)}
    constants = {
        **dict(zip(("client", "attacker"), names, strict=True)),
        "knowledge": job.attacker.knowledge,
        "dropout_rate": rate,
        "seed": job.seed,
        "host": platform.node(),
        "device": made_by["device"],
        "engine_version": ENGINE_VERSION,
        "torch_version": made_by["torch"],
    }

    def attack(part: pa.Table) -> pa.Table:
        identity = {
            "settings": settings,
            "names": names,
            "dropout_rate": rate,
            "images": part["index"].to_pylist(),
            "backend": backend.name,
            "state": STATE_VERSION,
            **made_by,
        }
        checkpoint = Checkpoint(path, identity)
        with checkpoint.stop_on_signals():
            return _attack(part, job, constants, checkpoint, progress, candidates)

    return split_on_out_of_memory(attack, images, job.images_per_update)


def _try(client: Client, images: pa.Table, seed: int, precision: str) -> None:
    """Try a torch module unless planning has, see `trial.tried_size`."""
    preset, metadata = asdict(client), parquet.metadata(images)
    if networks.is_module(preset):
        shape = tuple(metadata["shape"])
        trial.tried_size(preset, shape, len(metadata["classes"]), seed, precision)


@dataclass(frozen=True)
class _Job:
    """The settings that determine a job's numbers."""

    network: Model
    images_per_update: int
    defence: Defence | None
    attacker: Attacker
    rate: float
    seed: int
    iterations: int
    like: torch.Tensor
    """An empty tensor with the device and dtype of the attack."""
    weights: Mapping[str, torch.Tensor] | None
    """Of all clients, [1, *shape]; None if they have the network's initial ones."""


def _attack(
    images: pa.Table,
    job: _Job,
    constants: Mapping[str, object],
    checkpoint: Checkpoint,
    progress: Callable[[int], None],
    candidates: Callable[[], Iterable[pa.Table]],
) -> pa.Table:
    """Simulate the clients, attack them, score the reconstructions, and tabulate the scores."""
    by_client = (-1, job.images_per_update)
    pixels, labels, keys = (
        values.unflatten(0, by_client)
        for values in (*tensors(images), rng.image_keys(job.seed, _indices(images)))
    )
    update, private = compute_update(
        job.network, pixels, labels, keys, job.rate, job.like, job.weights, job.defence
    )
    std = np.array(parquet.metadata(images)["training_std"])
    std[std == 0] = 1  # a channel without contrast
    observer = TrajectoryObserver(private.images.numpy(), std)
    hook = AttackCheckpoint(checkpoint, observer)

    def observe(iteration: int, reconstructions: torch.Tensor, loss: torch.Tensor) -> None:
        observer.observe(iteration, reconstructions, loss)
        progress(iteration)

    reconstruction = reconstruct_best(
        update,
        job.attacker,
        rng.attacker_keys(keys).to(job.like.device),
        job.iterations,
        observe,
        private.oracle_masks() if job.attacker.needs_oracle else None,
        hook,
    )
    seconds = hook.seconds / len(images)
    scores = score(reconstruction, private, observer)
    ranks = identification.ranks(
        scores.images.reshape(len(images), *job.network.input_shape),
        scores.rmse_clipped.ravel(),
        pixels_in_parts(candidates(), job.network.input_shape),
    )
    return attack_rows(images, reconstruction, scores, ranks, {**constants, "seconds": seconds})


def _indices(images: pa.Table) -> torch.Tensor:
    return torch.tensor(images["index"].to_pylist())


def split_on_out_of_memory(
    attack: Callable[[pa.Table], pa.Table], images: pa.Table, images_per_update: int
) -> pa.Table:
    """Attack all images at once, or in halves if the GPU's memory cannot hold the attack.

    Raises:
        InputError: if it cannot hold a single update.
    """
    try:
        return attack(images)
    except torch.OutOfMemoryError:
        pass  # after the except clause no frame of the attempt holds memory
    torch.cuda.empty_cache()
    if len(images) <= images_per_update:
        raise InputError(
            "the GPU's memory cannot hold the attack on one update: lower data.size, the "
            "attacker's restarts, or the client's images_per_update, or attack on the CPU "
            "(--set-resources attack:gpu=0)"
        )
    half = len(images) // images_per_update // 2 * images_per_update
    print(
        f"the GPU's memory cannot hold the attack on {len(images)} images: continuing with {half} "
        f"and {len(images) - half}, one after the other; a lower attack.images_per_job avoids this"
    )
    parts = [images.slice(0, half), images.slice(half)]
    return pa.concat_tables(
        split_on_out_of_memory(attack, part, images_per_update) for part in parts
    )
