"""Evaluate the paper's claims, ours, and interpretations of its protocol, on the measurements."""

from dropleak.analysis import accuracy, tradeoff, twins
from dropleak.analysis.chance import Chance
from dropleak.analysis.claims import evidence, interpretations
from dropleak.analysis.claims.evaluate import evaluate_claims
from dropleak.runtime.logging import job_log
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, DEFENCES, IMAGES, MEAN_IMAGE, UTILITY

with job_log(snakemake.log[0]):
    params, source, output = snakemake.params, snakemake.input, snakemake.output
    attacks = StoredTable(source.attacks, ATTACKS)
    paper = next(iter(params.clients))
    parts = interpretations.relevant(attacks, paper, params.masks)
    compared = interpretations.compare(parts, paper, params.masks)
    frame = attacks.read(evidence.COLUMNS).to_pandas()
    frame["above_mean_image"] = tradeoff.above_mean_image(
        frame, parquet.read(source.mean_image, MEAN_IMAGE)
    )
    utility = parquet.read(source.utility, UTILITY).to_pandas()
    runs = {
        name: evidence.Run(
            frame[frame["client"] == name],
            frame[frame["client"] == twins.undefended(name, params.clients)],
            accuracy.of_client(utility, client),
            compared,
            Chance.of(parquet.read(source.test, IMAGES, ["label"])["label"].to_numpy()),
            params.success_rmse,
            params.tolerated_loss,
            (client["network"], client["dropout"]),
            client["weights"] is not None,
        )
        for name, client in params.clients.items()
    }
    defences = parquet.read(source.defences, DEFENCES)
    claims = evaluate_claims(runs, params.attacker, params.accounting, params.separating, defences)
    for table, name in ((claims, "claims"), (compared, "interpretations")):
        parquet.write(table, output[name])
        parquet.write_csv(table, output[f"{name}_csv"])
