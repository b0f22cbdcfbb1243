"""Put the paper's claims, and readings of its protocol, to what was measured."""

from dropleak import tables, tradeoff
from dropleak.chance import Chance
from dropleak.claims import evidence, readings
from dropleak.claims.judge import judge
from dropleak.joblog import job_log
from dropleak.schemas import ATTACKS, GUESSES, IMAGES, UTILITY
from dropleak.stored import StoredTable

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    attacks = StoredTable(source.attacks, ATTACKS)
    found = readings.compare(attacks.parts(readings.COLUMNS), params.masks, params.seed)
    frame = attacks.read(evidence.COLUMNS).to_pandas()
    above = tradeoff.above_guess(frame, tables.read(source.guesses, GUESSES))
    run = evidence.Run(
        frame.assign(above_guess=above),
        tables.read(source.utility, UTILITY).to_pandas(),
        found,
        Chance.of(StoredTable(source.test, IMAGES).read(["label"])["label"].to_numpy()),
        params.success_rmse,
        params.tolerated_loss,
        params.seed,
    )
    claims = judge(run, params.paper, params.accounting)
    for table, name in ((claims, "claims"), (found, "readings")):
        tables.write(table, output[name])
        tables.write_csv(table, output[f"{name}_csv"])
