"""A job on its machine: logs, devices, files, checkpoints, Slurm."""
