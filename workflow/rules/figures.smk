from functools import partial

from dropleak.report.figures import FIGURES

# Whatever a figure may be drawn from: every table in SCHEMAS, and the labels of the test images.
TABLES = {
    "attacks": rules.join_attacks.output[0],
    "claims": rules.evaluate_claims.output.claims,
    "clients": rules.method_tables.output.clients,
    "defences": rules.defences.output.parquet,
    "comparison": rules.summarise.output.comparison,
    "features": rules.method_tables.output.features,
    "mean_image": rules.tradeoff.output.mean_image,
    "images": rules.images.output.test,
    "labels": rules.images.output.test,
    "network": rules.method_tables.output.network,
    "interpretations": rules.evaluate_claims.output.interpretations,
    "summary": rules.summarise.output.parquet,
    "tradeoff": rules.tradeoff.output.parquet,
    "utility": rules.join_utility.output[0],
}


DRAWN = [figure for figure in FIGURES if figure.applies(CLIENTS, ATTACKERS)]


for figure in DRAWN:

    rule:
        """Draw a figure."""
        name:
            figure.rule
        input:
            **{name: TABLES[name] for name in figure.tables},
        output:
            pdf=f"{RESULTS}/figures/{figure.stem}.pdf",
            png=f"{RESULTS}/figures/{figure.stem}.png",
            numbers=f"{RESULTS}/report/{figure.stem}.rst",
            page=report(
                f"{RESULTS}/report/{figure.stem}.html",
                category="Figures",
                labels=figure.labels,
            ),
        log:
            f"{LOGS}/{figure.rule}{figure.suffix}.log",
        localrule: True
        conda:
            "../../envs/tables.yaml"
        params:
            code=code_of(
                "figure.py",
                [figure.draws, figure.says],
                [
                    f"report/{name}"
                    for name in (
                        figure.caption,
                        "figure.html",
                        "page.html",
                        "parts.html",
                    )
                ],
            ),
            title=figure.title,
            caption=figure.caption,
            glossary=partial(explained, figure=figure),
            iterations=partial(budget, figure=figure),
            draws=figure.draws,
            says=figure.says,
            dataset=DATASET,
            independent=partial(independent, figure=figure),
            client=client_in_words,
            options=partial(
                figure.options,
                clients=CLIENTS,
                courses=networks.courses(CLIENTS),
                chosen=SELECTION[: min(config["sample_images"], config["images"])],
            ),
        message:
            figure.message
        script:
            "../scripts/figure.py"

    rule:
        """Every file of a figure."""
        name:
            f"figure{figure.number}"
        input:
            [
                expand(getattr(rules, figure.rule).output, **values)
                for values in figure.instances(CLIENTS)
            ],
        message:
            figure.outcome(CLIENTS)


rule figures:
    """All figures."""
    input:
        [getattr(rules, f"figure{figure.number}").input for figure in DRAWN],
    message:
        "The figures are there"


# The report's pages of figures by title, and then by the names of what they show. Figures by rate
# have none if all clients are attacked at a single one.
FIGURE_PAGES = {
    figure.title: {
        ", ".join(values.values()): page
        for values in figure.instances(CLIENTS)
        for page in expand(getattr(rules, figure.rule).output.page, **values)
    }
    for figure in DRAWN
    if figure.instances(CLIENTS)
}
