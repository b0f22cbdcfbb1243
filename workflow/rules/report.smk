localrules:
    report_pages,
    provenance,


TEMPLATES = [
    f"report/{name}"
    for name in (
        "claims.html",
        "page.html",
        "references.bib",
        "run.html",
        "table.html",
    )
]


rule report_pages:
    """Write the pages of the report, the methods paragraph and its references."""
    input:
        images=rules.images.output.test,
        attacks=rules.join_attacks.output[0],
        utility=rules.join_utility.output[0],
        summary=rules.summarise.output.parquet,
        comparison=rules.summarise.output.comparison,
        tradeoff=rules.tradeoff.output.parquet,
        defences=rules.defences.output.parquet,
        claims=rules.evaluate_claims.output.claims,
        interpretations=rules.evaluate_claims.output.interpretations,
        networks=rules.method_tables.output.clients,
    output:
        methods=f"{RESULTS}/report/methods.tex",
        references=f"{RESULTS}/report/references.bib",
        findings=f"{RESULTS}/report/findings.rst",
        claims=report(
            f"{RESULTS}/report/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "claims of the paper, and interpretations of it"},
        ),
        summary=report(
            f"{RESULTS}/report/summary.html",
            caption="../report/summary.rst",
            category="Tables",
            labels={"shows": "every attacker at every rate"},
        ),
        comparison=report(
            f"{RESULTS}/report/comparison.html",
            caption="../report/comparison.rst",
            category="Tables",
            labels={"shows": "attackers compared"},
        ),
        tradeoff=report(
            f"{RESULTS}/report/tradeoff.html",
            caption="../report/tradeoff.rst",
            category="Tables",
            labels={"shows": "privacy against utility"},
        ),
        defences=report(
            f"{RESULTS}/report/defences.html",
            caption="../report/defences.rst",
            category="Tables",
            labels={"shows": "the strongest attacker on every defence"},
        ),
        run=report(
            f"{RESULTS}/report/run.html",
            caption="../report/run.rst",
            category="Run",
            labels={"shows": "methods, outcomes, versions, configuration"},
        ),
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
