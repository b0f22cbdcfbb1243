"""Try a client's torch module on an image: `python -m dropleak.jobs.trial ARGUMENTS`.

Prints what is wrong with it, or its size, as JSON.
"""

import json
import math
import os
import sys
from typing import cast

import torch
from torch.utils.flop_counter import FlopCounterMode

from dropleak.engine.client.client import Client
from dropleak.engine.models.zoo import lenet
from dropleak.errors import InputError


def trial(arguments: dict) -> dict[str, float | str]:
    """The problem of a network, or its size; arguments as for `planning.trial.tried_size`."""
    shape = cast(tuple[int, int, int], tuple(arguments["shape"]))
    like = torch.empty(0, dtype=getattr(torch, arguments["precision"]))
    client, classes = Client(**arguments["client"]), arguments["classes"]
    try:
        network = client.build(shape, classes, arguments["seed"])
        client.check(network, like)
    except InputError as error:
        return {"problem": str(error)}
    own = {
        name: p[0].to(like)
        for name, p in network.initial_parameters(torch.zeros(1, dtype=torch.int64)).items()
    }
    images = client.images_per_update
    masks = [torch.ones(images, *mask).to(like) for mask in network.dropout_shapes()]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.forward(own, torch.zeros(images, *shape).to(like), masks)
    multiplications = counter.get_total_flops() / 2 / images
    return {
        "cost": multiplications / lenet(shape, classes).multiplications(),
        "parameters": sum(map(math.prod, network.parameter_shapes().values())),
    }


if __name__ == "__main__":
    answer = os.dup(1)
    os.dup2(2, 1)  # a user's code may print
    os.write(answer, json.dumps(trial(json.loads(sys.argv[1]))).encode())
