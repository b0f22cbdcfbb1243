"""Where torch computes, and how exactly."""

import torch


def choose(gpu: bool) -> str:
    """A torch device: the GPU if the job was given one and torch can use it, else the CPU.

    Also turns off TF32, which would round float32 products to 10 bits: L-BFGS needs the others.
    """
    torch.backends.fp32_precision = "ieee"
    if gpu and not torch.cuda.is_available():
        print("this job was given a GPU, but torch finds none: running on the CPU")
    return "cuda" if gpu and torch.cuda.is_available() else "cpu"


def name(device: str) -> str:
    """What tables call the device: "cpu", or the model of the GPU."""
    return "cpu" if device == "cpu" else torch.cuda.get_device_name(device)
