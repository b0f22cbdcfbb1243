localrules:
    report_pages,
    provenance,


# The pages besides those of figures: categories and titles in the report.
PAGES = {
    "claims": ("Claims", "Claims of the paper and ours"),
    "summary": ("Tables", "Every attacker at every rate"),
    "comparison": ("Tables", "Attackers compared"),
    "tradeoff": ("Tables", "Privacy against utility"),
    "defences": ("Tables", "The strongest attacker on every defence"),
    "run": ("Run", "Methods, outcomes, versions, configuration, references"),
}
# The figure on the first page. It is not drawn if all clients are attacked at a single rate.
COVER = next(figure for figure in DRAWN if figure.name == "attackers")
TEMPLATES = [
    f"report/{name}"
    for name in (
        "answer.html",
        "claims.html",
        "comparison.rst",
        "defences.rst",
        "page.html",
        "parts.html",
        "references.bib",
        "run.html",
        "summary.rst",
        "table.html",
        "tradeoff.rst",
    )
]


rule report_pages:
    """Write the pages of the report, the methods paragraph and its references."""
    input:
        images=rules.images.output.test,
        attacks=rules.join_attacks.output[0],
        utility=rules.join_utility.output[0],
        summary=rules.summarise.output.parquet,
        summary_csv=rules.summarise.output.csv,
        comparison=rules.summarise.output.comparison,
        comparison_csv=rules.summarise.output.comparison_csv,
        tradeoff=rules.tradeoff.output.parquet,
        tradeoff_csv=rules.tradeoff.output.csv,
        defences=rules.defences.output.parquet,
        defences_csv=rules.defences.output.csv,
        claims=rules.evaluate_claims.output.claims,
        claims_csv=rules.evaluate_claims.output.claims_csv,
        interpretations=rules.evaluate_claims.output.interpretations,
        interpretations_csv=rules.evaluate_claims.output.interpretations_csv,
        networks=rules.method_tables.output.clients,
        picture=[
            path
            for path in getattr(rules, f"figure{COVER.number}").input
            if path.endswith(".png")
        ],
    output:
        **{
            name: report(
                f"{RESULTS}/report/{name}.html",
                category=category,
                labels={"shows": title},
            )
            for name, (category, title) in PAGES.items()
        },
        methods=f"{RESULTS}/report/methods.tex",
        references=f"{RESULTS}/report/references.bib",
        answer=f"{RESULTS}/report/answer.html",
    log:
        f"{LOGS}/report_pages.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("report_pages.py", files=TEMPLATES),
        config=config,
        clients=CLIENTS,
        attackers=ATTACKERS,
        dataset=DATASET,
        independent=independent,
        dataset_name=lambda wildcards: sources.dataset_name(config["data"]),
        protocol=list(configuration.interpretations(config)),
        without_oracles=configuration.without_oracles(config),
        titles={name: title for name, (_, title) in PAGES.items()},
        figures=FIGURE_PAGES,
        cover=COVER.title,
    message:
        "Writing the report's pages"
    script:
        "../scripts/report_pages.py"


rule provenance:
    """Record where results come from, and print the answer."""
    input:
        data=[rules.images.output.train, rules.images.output.test, *WEIGHTS],
        attacks=attack_files,
        trainings=list(TRAININGS),
        summary=rules.tradeoff.output.text,
        results=[
            *rules.tables.input,
            *rules.method_tables.output,
            *rules.figures.input,
            *rules.report_pages.output,
        ],
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/provenance.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("provenance.py"),
        checkpoints=CHECKPOINTS,
        config=config,
        engine_version=ENGINE_VERSION,
    message:
        "Recording where the results come from"
    script:
        "../scripts/provenance.py"
