"""Put the paper's claims, and readings of its protocol, to what was measured."""

import pyarrow as pa

from dropleak import tables
from dropleak.claims import evidence, readings
from dropleak.claims.judge import judge
from dropleak.joblog import job_log
from dropleak.schemas import ATTACKS, TRADEOFF, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    found = readings.compare(
        tables.parts(source.attacks, ATTACKS, readings.COLUMNS), params.masks, params.seed
    )
    run = evidence.Run(
        pa.concat_tables(tables.parts(source.attacks, ATTACKS, evidence.COLUMNS)).to_pandas(),
        tables.read(source.utility, UTILITY).to_pandas(),
        tables.read(source.tradeoff, TRADEOFF),
        found,
        params.success_rmse,
        params.tolerated_loss,
        params.seed,
    )
    claims = judge(run, params.paper, params.accounting)
    for table, name in ((claims, "claims"), (found, "readings")):
        tables.write(table, output[name])
        tables.write_csv(table, output[f"{name}_csv"])
