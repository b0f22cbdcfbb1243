"""The benchmark's commands, with very little work."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """What a machine needs for the benchmarks, in a folder of its own, with the embedded digits."""
    folder = tmp_path_factory.mktemp("benchmark")
    for part in ("benchmarks", "workflow"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.json"))
    run(folder, "images.py")
    return folder


def run(folder, script, *arguments, **environment):
    return subprocess.run(
        [sys.executable, f"benchmarks/{script}", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    ).stdout


def test_the_benchmark_measures_and_saves(copy):
    run(copy, "bench.py", "--rounds", "1", "--iterations", "20")
    latest = json.loads((copy / "benchmarks" / "latest.json").read_text(encoding="utf-8"))
    assert latest["ratio_sequential"] > 0
    assert latest["ratio_processes"] > 0
    assert latest["machine"]["torch"]
    assert set(latest) >= {"machine", "threads", "iterations", "start-up in seconds", "digits"}
    costs = latest["attackers, in one process"]
    assert set(costs) >= {"idlg", "inverting-gradients", "dropout-inversion", "mask-reading"}
    assert costs["mask-reading"]["evaluations_per_iteration"] >= 1
    for row in ("reference, sequential", "reference, a process per core", "engine, batch 32"):
        assert latest["digits"][row]["ms_per_iteration_and_image"] > 0
        assert latest["digits"][row]["attacks_per_hour"] > 0


def test_the_run_for_a_gpu_is_rehearsed_with_torch_on_the_cpu(copy):
    printed = run(copy, "gpu.py", "--minutes", "0.05", CC="/none", CUDA_VISIBLE_DEVICES="")
    results = json.loads((copy / "benchmarks" / "gpu.json").read_text(encoding="utf-8"))
    assert not [name for name, result in results.items() if "error" in result]
    assert results["checks"]["passed"]
    assert {"idlg", "mask-reading"} <= set(results["checks"]["by_attacker"])
    assert results["batch 32"]["ratio"] > 0
    assert results["agreement"]["images"] > 0
    assert results["attacks"]["minutes_for_1000_images"] > results["attacks"]["minutes"]
    assert results["profile of an iteration"]["counted"]["operators"] > 100
    assert "| engine, 32 images |" in printed
    assert "1,000 images at six rates" in printed


def test_the_run_for_a_gpu_forgets_no_tensor_on_the_cpu(copy):
    script = """if True:
        import bench, gpu
        from fake_gpu import FAKE_GPU
        assert gpu.checks(FAKE_GPU)["passed"]
        assert bench.timed_reference("digits", 0, 20, FAKE_GPU)[1] == 20
        assert gpu.throughput(FAKE_GPU, 2, {}, 1.0)["ms_per_iteration_and_image"] > 0
    """
    paths = copy / "benchmarks", ROOT / "tests" / "helpers"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_an_error_in_a_part_of_the_run_for_a_gpu_does_not_end_it(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    gpu = importlib.import_module("gpu")
    record = gpu.Record(tmp_path / "gpu.json")

    def measure(error):
        raise error

    for error in (torch.OutOfMemoryError("4,096 images"), KeyError("name")):
        assert record.attempt("part", measure, error) == {
            "error": f"{type(error).__name__}: {error}"
        }
    results = json.loads(record.path.read_text(encoding="utf-8"))
    assert "KeyError" in results["part"]["error"]


def test_attacks_on_modules_are_timed_against_the_plain_loop():
    command = "benchmarks/networks.py lenet --threads 1 --rounds 1 --clients 1 2"
    measured = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, check=True, capture_output=True, text=True
    )
    *_, row = measured.stdout.splitlines()
    name, *numbers = [cell.split()[0] for cell in row.strip("| ").split(" | ")]
    assert name == "`lenet`"
    assert len(numbers) == 5
    assert all(float(number) > 0 for number in numbers)


def test_the_steps_after_the_attacks_are_measured_on_stubs(tmp_path):
    measured = subprocess.run(
        [sys.executable, ROOT / "benchmarks/scale.py", "40", tmp_path / "scale"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    rows = re.findall(
        r"^\| ([\w ,]+) \|(?: \d+)? \| [\d.]+ \| \d+ \|$", measured.stdout, re.MULTILINE
    )
    assert {"plan, nothing made", "plan, attacks made", "join_attacks"} <= {*rows}
    assert {"summarise", "tradeoff", "evaluate_claims", "provenance"} <= {*rows}
