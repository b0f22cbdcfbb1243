"""Writes the parts of docs/results.md and the README that quote the reference run.

`python -m dropleak.docs.results results/reference` copies a run's tables and figures to
docs/results/ and rewrites those parts; without a folder it only rewrites them.
"""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

from dropleak import formatting
from dropleak.analysis.claims.verdicts import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from dropleak.analysis.summary import STATUSES
from dropleak.assets import ROOT
from dropleak.docs import markdown

KEPT = ROOT / "docs" / "results"
"""What the repository keeps of the reference run: no pixels of its images."""

TABLES = ("claims", "interpretations", "summary", "tradeoff")
FIGURES = (
    *("figure4-rmse-by-rate_lenet_idlg", "figure5-rmse-by-iteration_lenet_idlg"),
    *("figure6-accuracy-by-rate", "figure7-attackers", "figure8-tradeoff_lenet"),
)
PAGES = {
    ROOT / "README.md": ["finding"],
    ROOT / "docs" / "results.md": [
        "setting",
        "claims",
        "interpretations",
        "attackers",
        "costs",
    ],
}


def parts() -> dict[str, str]:
    """Every part by its name, from the kept tables."""
    tables = {name: pd.read_csv(KEPT / f"{name}.csv") for name in TABLES}
    record = json.loads((KEPT / "run.json").read_text(encoding="utf-8"))
    return {
        "finding": _finding(tables, record["configuration"]),
        "setting": _setting(record),
        "claims": _claims(tables["claims"]),
        "interpretations": _interpretations(tables["interpretations"]),
        "attackers": _attackers(tables["summary"]),
        "costs": _costs(tables["summary"]),
    }


def _finding(tables: dict[str, pd.DataFrame], config: dict) -> str:
    """The outcome in a few sentences."""
    paper, trained, *_, several = config["clients"]
    outcomes = tables["summary"].set_index(["client", "attacker", "dropout_rate"])
    summary = outcomes.loc[paper]
    claims = tables["claims"].query("client == @paper").set_index("claim")

    def recovered(attacker: str, client: str = paper) -> str:
        shares = outcomes.loc[client].loc[attacker]["success_share"]
        return formatting.series(f"{shares[rate]:.0%} at rate {rate}" for rate in (0.0, 0.5))

    counts = tables["claims"].dropna(subset="place").groupby("verdict")["claim"].count()
    order = (SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE)
    verdicts = formatting.series(f"{counts.get(verdict, 0)} {verdict}" for verdict in order)
    lost, labels = claims.loc["accuracy-lost-at-0.5"], claims.loc["labels"]
    tradeoff = tables["tradeoff"].query("client == @paper")
    accuracy = tradeoff.groupby("dropout_rate")["test_accuracy"].first()
    errors = summary["rmse_clipped_mean"].xs("idlg")
    nearest = tables["interpretations"].iloc[0]
    sentences = [
        f"Of {config['images']} photographs of CIFAR-10 the paper's attacker (`idlg`, "
        f"{config['attack']['iterations']:,} iterations) recovers {recovered('idlg')} (RMSE below "
        f"{config['success_rmse']}).",
        f"Its mean RMSE after clipping is {errors[0.0]:.3f} without dropout, and between "
        f"{errors.drop(0.0).min():.3f} and {errors.drop(0.0).max():.3f} with dropout.",
        f"It finds the label in {labels.estimate:.1%} of the attacks at the worst rate. So many "
        f"attacks show a share of at least {labels.low:.1%}, which leaves the paper's claim of "
        f"certainty {labels.verdict}.",
        "An attacker that reads the mask from the gradient (`mask-reading`) recovers "
        f"{recovered('mask-reading')}.",
        "One that starts from grey and expects smooth images (`separation`) recovers "
        f"{recovered('separation')}; of a trained network {recovered('separation', trained)}, "
        f"where `idlg` recovers {recovered('idlg', trained)}; and of updates of 8 images "
        f"{recovered('separation', several)}, because dropout tells their images apart.",
        f"Test accuracy is {accuracy[0.0]:.1%} when trained without dropout and "
        f"{accuracy[0.5]:.1%} at rate 0.5, a loss of "
        f"{formatting.interval(lost.estimate, lost.low, lost.high)}.",
        "The interpretation of the paper that comes nearest to its four RMSE values misses them by "
        f"{formatting.number(nearest.distance)} (`{nearest.attacker}`, {nearest.statistic} "
        f"{nearest.rmse} RMSE).",
        f"Verdicts on the paper's claims, for every client and attacker: {verdicts}.",
    ]
    return "\n".join(sentences) + "\n"


def _setting(record: dict) -> str:
    """What was run, where, and for how long."""
    config, machine = record["configuration"], record["machine"]
    versions, code = record["requirements"]["versions"], record["code"]
    changed = " with uncommitted changes" if code["dirty"] else ""
    named = (f"{name} {versions[name]}" for name in ("dropleak", "python", "torch", "snakemake"))
    hours = {name: record[name]["seconds"] / 3600 for name in ("attacks", "trainings")}
    rows = {
        "images": f"{config['images']} test images, 32x32, in the order of seed {config['seed']}",
        "rates": formatting.series(config["rates"]),
        "attacks": f"{record['attacks']['rows']:,}, of at most "
        f"{config['attack']['iterations']:,} iterations",
        "training": f"{config['utility']['seeds']} seeds, {config['utility']['epochs']} epochs, "
        f"{len(config['utility']['rates'])} rates",
        "hardware": f"{machine['processor']}, {machine['cores']} cores; jobs ran on "
        f"{formatting.series(record['devices'])}",
        "core hours": f"{hours['attacks']:.1f} of attacks, {hours['trainings']:.1f} of training",
        "versions": f"{formatting.series(named)}; engine {code['engine_version']}",
        "commit": f"{code['commit'][:12]}{changed}",
        "date": record["gathered"][:10],
    }
    return markdown.table(["", ""], rows.items())


def _claims(claims: pd.DataFrame) -> str:
    """The claims table, without its rules."""
    rows = (
        [
            row.statement,
            f"`{row.client}`",
            "–" if pd.isna(row.place) else row.place,
            "–" if pd.isna(row.attacker) else f"`{row.attacker}`",
            formatting.number(row.published),
            formatting.interval(row.estimate, row.low, row.high),
            "–" if pd.isna(row.p_adjusted) else f"{row.p_adjusted:.2g}",
            f"{row.n} {row.unit}",
            f"**{row.verdict}**",
        ]
        for row in claims.itertuples()
    )
    header = [
        "claim",
        "client",
        "section",
        "attacker",
        "paper",
        "measured",
        "adjusted p",
        "n",
        "verdict",
    ]
    return markdown.table(header, rows)


def _interpretations(interpretations: pd.DataFrame) -> str:
    """The nearest interpretation of each attacker, scale and clipping."""
    best = interpretations.drop_duplicates(["attacker", "rmse", "pixels"])
    rates = [column for column in interpretations if column.startswith("rmse_at_")]
    rows = (
        [
            *(f"`{row['attacker']}`", row["rmse"], row["pixels"], row["statistic"]),
            row["iterations"],
            *(formatting.number(row[rate]) for rate in rates),
            formatting.interval(row["distance"], row["distance_low"], row["distance_high"]),
        ]
        for _, row in best.iterrows()
    )
    header = ["attacker", "RMSE", "pixels", "statistic", "iterations"]
    names = [rate.removeprefix("rmse_at_") for rate in rates]
    return markdown.table([*header, *names, "distance"], rows)


def _attackers(summary: pd.DataFrame) -> str:
    """Mean clipped RMSE and share of successes of every attacker on every client, by rate."""
    rates = sorted(summary["dropout_rate"].unique())
    rows = []
    for names, own in summary.groupby(["client", "attacker"], sort=False):
        cells = {
            row.dropout_rate: formatting.interval(
                row.rmse_clipped_mean, row.rmse_clipped_low, row.rmse_clipped_high
            )
            + f", {row.success_share:.0%}"
            for row in own.itertuples()
        }
        rows.append([*map("`{}`".format, names), *(cells.get(rate, "") for rate in rates)])
    return markdown.table(["client", "attacker", *rates], rows)


def _costs(summary: pd.DataFrame) -> str:
    """How attacks ended and what they cost, over all rates."""
    counts = ["attacks", *(status for status in STATUSES if summary[status].any())]
    rows = []
    for names, own in summary.groupby(["client", "attacker"], sort=False):
        masks = own.loc[own["dropout_rate"] > 0, "mask_exact_share"].mean()
        rows.append(
            [
                *(*map("`{}`".format, names), *own[counts].sum()),
                *(f"{own[f'{name}_mean'].mean():,.0f}" for name in ("iterations", "evaluations")),
                f"{own['seconds_mean'].mean():.2f}",
                "–" if pd.isna(masks) else f"{masks:.1%}",
            ]
        )
    header = ["iterations", "evaluations", "seconds", "masks exact"]
    return markdown.table(["client", "attacker", *counts, *header], rows)


def take_over(results: Path) -> None:
    """Copy a run's tables, smaller versions of its figures, and a short form of its record."""
    KEPT.mkdir(exist_ok=True)
    for name in TABLES:
        shutil.copy(results / "tables" / f"{name}.csv", KEPT)
    record = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    del record["machine"]["host"]
    record["devices"] = sorted({job["device"] for job in record["attacks"] + record["trainings"]})
    for jobs in ("attacks", "trainings"):
        record[jobs] = {key: sum(job[key] for job in record[jobs]) for key in ("rows", "seconds")}
    for key in ("data", "results"):
        del record[key]
    (KEPT / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name in FIGURES:
        with Image.open(results / "figures" / f"{name}.png") as picture:
            picture.convert("RGB").quantize(64).save(KEPT / f"{name}.png", optimize=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        take_over(Path(sys.argv[1]))
    written = parts()
    for page, names in PAGES.items():
        for name in names:
            markdown.replace(page, name, written[name])
