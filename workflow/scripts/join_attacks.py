"""Join the attacks of many jobs, without copying them."""

from dropleak.planning import grid
from dropleak.runtime.logging import job_log
from dropleak.tables import joining
from dropleak.tables.schemas import ATTACKS

with job_log(snakemake.log[0]):
    joining.link(
        snakemake.input,
        snakemake.output[0],
        ATTACKS,
        key=["client", "attacker", "dropout_rate", "image"],
        rows=[grid.rows(path, snakemake.params.images) for path in snakemake.input],
    )
