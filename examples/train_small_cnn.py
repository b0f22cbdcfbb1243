"""Train the small network on the embedded digits, in less than a minute, and save its weights.

python examples/train_small_cnn.py [FILE]
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from small_cnn import build
from torch.nn import functional as F

from dropleak.data.sources import image_tables
from dropleak.jobs.images import tensors

HERE = Path(__file__).parent


def main(path: Path) -> None:
    torch.manual_seed(0)
    digits = image_tables("digits", "", None)
    (images, labels), (test_images, test_labels) = (
        (pixels.float(), labels) for pixels, labels in map(tensors, digits.values())
    )
    network = build(tuple(images.shape[1:]), classes=10)
    optimiser = torch.optim.Adam(network.parameters(), 0.003)
    for _ in range(8):
        for batch in torch.randperm(len(images)).split(32):
            loss = F.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    network.eval()
    accuracy = (network(test_images).argmax(1) == test_labels).float().mean()
    print(f"test accuracy {accuracy:.1%}")
    save_file(network.state_dict(), path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "small_cnn.safetensors")
