"""Put the paper's claims, and readings of its protocol, to what was measured."""

from dropleak.analysis import tradeoff
from dropleak.analysis.chance import Chance
from dropleak.analysis.claims import evidence, interpretations
from dropleak.analysis.claims.judge import judge
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, GUESSES, IMAGES, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    attacks = StoredTable(source.attacks, ATTACKS)
    found = interpretations.compare(
        attacks.parts(interpretations.COLUMNS), params.masks, params.seed
    )
    frame = attacks.read(evidence.COLUMNS).to_pandas()
    above = tradeoff.above_guess(frame, parquet.read(source.guesses, GUESSES))
    run = evidence.Run(
        frame.assign(above_guess=above),
        parquet.read(source.utility, UTILITY).to_pandas(),
        found,
        Chance.of(StoredTable(source.test, IMAGES).read(["label"])["label"].to_numpy()),
        params.success_rmse,
        params.tolerated_loss,
        params.seed,
    )
    claims = judge(run, params.paper, params.accounting)
    for table, name in ((claims, "claims"), (found, "readings")):
        parquet.write(table, output[name])
        parquet.write_csv(table, output[f"{name}_csv"])
