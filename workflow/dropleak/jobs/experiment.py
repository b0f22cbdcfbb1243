"""The jobs of the experiment: from their images to their rows in its tables."""

import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import torch

from dropleak.engine import rng
from dropleak.engine.attack.attacker import ENTITLED_TO_MASKS, Attacker
from dropleak.engine.attack.reconstruct import Reconstruction
from dropleak.engine.attack.restarts import reconstruct_best
from dropleak.engine.client.training import Training, train
from dropleak.engine.client.update import Private, share
from dropleak.engine.models.network import Network
from dropleak.engine.models.zoo import NETWORKS
from dropleak.planning.versions import ENGINE_VERSION
from dropleak.runtime.checkpoint import Checkpoint
from dropleak.runtime.device import name as device_name
from dropleak.scoring import metrics
from dropleak.scoring.trajectory import Trajectory, TrajectoryKeeper
from dropleak.tables import parquet
from dropleak.tables.schemas import ATTACKS, UTILITY


@dataclass(frozen=True)
class Client:
    """What is attacked, and trained: the settings of a client's preset."""

    network: str = "lenet"
    dropout: str = "classifier"
    images_per_update: int = 1

    def build(self, known: dict) -> Network:
        """The network for the images of a table with this metadata."""
        architecture, shape = NETWORKS[self.network], tuple(known["shape"])
        return architecture.build(shape, len(known["classes"]), self.dropout)


def attack_images(
    images: pa.Table,
    *,
    names: tuple[str, str],
    attacker: Attacker,
    client: Client,
    rate: float,
    seed: int,
    iterations: int,
    precision: str,
    device: str,
    progress: Callable[[int], None],
    checkpoint: Checkpoint | None = None,
) -> pa.Table:
    """Attack the clients of the given images at one dropout rate.

    Args:
        images: rows of the image table, update by update.
        names: of client and attacker, for the table.
        attacker: its settings.
        client: what is attacked.
        rate: dropout rate of the clients.
        seed: of the experiment.
        iterations: budget of each attack.
        precision: "float32" or "float64".
        device: where the attack runs, for torch.
        progress: told the iterations done so far.
        checkpoint: where to begin, and to keep the state, if anywhere.

    Returns:
        one row per image, with the columns `schemas.ATTACKS`.
    """
    known = parquet.metadata(images)
    pixels, labels = _tensors(images)
    keys = rng.image_keys(seed, torch.tensor(images["index"].to_pylist()))
    n = client.images_per_update
    update, private = share(
        client.build(known),
        pixels.to(device, getattr(torch, precision)),
        labels.to(device),
        keys,
        rate,
        n,
    )
    truth = pixels.unflatten(0, (-1, n)).numpy()
    std = np.array(known["training_std"])
    std[std == 0] = 1  # a channel without any contrast
    trajectory = Trajectory(truth, std)
    keeper = TrajectoryKeeper(checkpoint, trajectory)

    def observe(iteration: int, guesses: torch.Tensor, loss: torch.Tensor) -> None:
        trajectory.observe(iteration, guesses, loss)
        progress(iteration)

    result, restart = reconstruct_best(
        update,
        attacker,
        rng.attacker_keys(keys).to(device),
        iterations,
        observe,
        private.masks_by_label(n) if attacker.masks == ENTITLED_TO_MASKS else None,
        keeper,
    )
    seconds = keeper.seconds / len(pixels)

    guesses = result.images.double().cpu().numpy().reshape(truth.shape)
    place = metrics.assign(metrics.pairwise_rmse(truth, metrics.clip(guesses), (np.ones(()),))[0])
    order = (place + n * np.arange(len(place))[:, None]).ravel()  # rows in the order of the images
    clipped, truth = metrics.clip(guesses.reshape(-1, *known["shape"])[order]), pixels.numpy()
    clients = np.arange(len(pixels)) // n
    chosen = (restart.cpu().numpy()[clients], clients)
    losses = np.stack([loss[chosen] for loss in trajectory.losses], axis=-1)
    which = (chosen[0], slice(None), clients, np.arange(len(pixels)) % n, place.ravel())
    rmses, standardised, rmses_clipped, clipped_standardised = np.stack(
        [errors[which] for errors in trajectory.errors]
    ).transpose(2, 1, 0)
    indices = images["index"].to_numpy()

    def of_client(values: torch.Tensor) -> np.ndarray:
        return values.cpu().numpy()[clients]

    def constant(value: object) -> list:
        return [value] * len(pixels)

    return parquet.build(
        ATTACKS,
        {
            "client": constant(names[0]),
            "attacker": constant(names[1]),
            "knowledge": constant(attacker.knowledge),
            "rate": constant(rate),
            "image": indices,
            "update": indices[clients * n],
            "label": images["label"],
            "label_inferred": _matched(result.labels.cpu().numpy(), labels.numpy(), n),
            "mask_claim": constant(None)
            if result.claims is None
            else [result.claims[c] for c in clients],
            **_mask_columns(result, private, n),
            "status": [str(result.status[c]) for c in clients],
            "iterations": of_client(result.iterations),
            "evaluations": of_client(result.evaluations),
            "loss": losses[:, -1],
            "restart": of_client(restart),
            "rmse": rmses[:, -1],
            "rmse_clipped": metrics.rmse(truth, clipped),
            "psnr": metrics.psnr(truth, clipped),
            "ssim": metrics.ssim(truth, clipped),
            "seconds": constant(seconds),
            "seed": constant(seed),
            "host": constant(platform.node()),
            "device": constant(device_name(device)),
            "engine_version": constant(ENGINE_VERSION),
            "torch_version": constant(torch.__version__),
            "trajectory_iteration": constant(trajectory.iterations),
            "trajectory_loss": list(losses),
            "trajectory_rmse": list(rmses),
            "trajectory_rmse_clipped": list(rmses_clipped),
            "trajectory_rmse_standardised": list(standardised),
            "trajectory_rmse_clipped_standardised": list(clipped_standardised),
            "reconstruction": parquet.encode_pixels(clipped),
        },
        shape=known["shape"],
    )


def _matched(found: np.ndarray, true: np.ndarray, n: int) -> np.ndarray:
    """The labels found for each update, [B * n], in the order in which most of them are right."""
    found, true = found.reshape(-1, n), true.reshape(-1, n)
    wrong = true[:, :, None] != found[:, None, :]
    return np.take_along_axis(found, metrics.assign(wrong.astype(np.float64)), axis=1).ravel()


def _mask_columns(result: Reconstruction, private: Private, n: int) -> dict[str, list]:
    """How the masks found for each update agree with its clients', in the best order."""
    if result.masks is None or not private.masks:
        return {name: [None] * len(private.labels) for name in ("mask_exact", "mask_agreement")}
    found = torch.cat([mask.flatten(1) for mask in result.masks], 1).unflatten(0, (-1, n))
    true = torch.cat([(mask > 0).flatten(1) for mask in private.masks], 1).unflatten(0, (-1, n))
    agreement = torch.stack(
        [(found[:, [j]] == true).double().mean(2) for j in range(n)], dim=2
    ).cpu()
    place = metrics.assign(1 - agreement.numpy())
    share = np.take_along_axis(agreement.numpy(), place[:, :, None], axis=2).ravel()
    return {"mask_exact": (share == 1).tolist(), "mask_agreement": share.tolist()}


def train_seeds(
    train_images: pa.Table,
    test_images: pa.Table,
    *,
    client: Client,
    rate: float,
    seeds: Iterable[int],
    training: Training,
    device: str,
    progress: Callable[[], None],
) -> pa.Table:
    """Train with one dropout rate, once for each seed.

    Args:
        train_images, test_images: image tables.
        client: what is trained.
        rate: dropout rate.
        seeds: of the runs.
        training: how to train.
        device: where, for torch.
        progress: called after every epoch.

    Returns:
        one row per seed and epoch, with the columns `schemas.UTILITY`.
    """
    network = client.build(parquet.metadata(train_images))
    train_set, test_set = (
        (pixels.to(device, torch.float32), labels.to(device))
        for pixels, labels in map(_tensors, (train_images, test_images))
    )
    known = {"network": client.network, "dropout": client.dropout, "rate": rate}
    rows = []
    for seed in seeds:
        epochs = train(network, train_set, test_set, rate, seed, training)
        for number, epoch in enumerate(epochs, start=1):
            rows.append(known | {"seed": seed, "epoch": number} | asdict(epoch))
            progress()
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    columns["host"] = [platform.node()] * len(rows)
    columns["device"] = [device_name(device)] * len(rows)
    return parquet.build(UTILITY, columns)


def _tensors(images: pa.Table) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels in [0, 1], float64 [N, C, H, W], and labels, int64 [N]."""
    pixels = parquet.decode_pixels(images["pixels"], parquet.metadata(images)["shape"])
    return torch.from_numpy(pixels / 255), torch.tensor(images["label"].to_pylist())
