localrules:
    join_attacks,
    join_utility,
    summarise,
    tradeoff,
    defences,
    evaluate_claims,
    method_tables,


rule join_attacks:
    """Join the attacks into one table."""
    input:
        attack_files,
    output:
        ATTACK_INDEX,
    log:
        f"{LOGS}/join_attacks.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("join_attacks.py"),
        images=config["images"],
    message:
        "Joining the attacks into one table"
    script:
        "../scripts/join_attacks.py"


rule join_utility:
    """Join the trainings into one table."""
    input:
        list(TRAININGS),
    output:
        f"{RESULTS}/tables/utility.parquet",
    log:
        f"{LOGS}/join_utility.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("join_utility.py"),
    message:
        "Joining the trainings into one table"
    script:
        "../scripts/join_utility.py"


rule summarise:
    """Summarise attacks by client, attacker and dropout rate, and compare attackers."""
    input:
        attacks=rules.join_attacks.output[0],
    output:
        parquet=f"{RESULTS}/tables/summary.parquet",
        csv=f"{RESULTS}/tables/summary.csv",
        comparison=f"{RESULTS}/tables/comparison.parquet",
        comparison_csv=f"{RESULTS}/tables/comparison.csv",
    log:
        f"{LOGS}/summarise.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("summarise.py"),
        success_rmse=config["success_rmse"],
        baselines={name: client["attackers"][0] for name, client in CLIENTS.items()},
    message:
        "Summarising the attacks"
    script:
        "../scripts/summarise.py"


rule tradeoff:
    """Weigh privacy against accuracy, and answer whether dropout protects."""
    input:
        train=rules.images.output.train,
        test=rules.images.output.test,
        attacks=rules.join_attacks.output[0],
        summary=rules.summarise.output.parquet,
        utility=rules.join_utility.output[0],
    output:
        mean_image=f"{RESULTS}/tables/mean_image.parquet",
        parquet=f"{RESULTS}/tables/tradeoff.parquet",
        csv=f"{RESULTS}/tables/tradeoff.csv",
        text=f"{RESULTS}/tables/summary.txt",
    log:
        f"{LOGS}/tradeoff.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("tradeoff.py"),
        images=SELECTION[: config["images"]],
        clients=LABELLED,
        attackers=configuration.without_oracles(config),
        tolerated_loss=config["utility"]["tolerated_loss"],
        success_rmse=config["success_rmse"],
    message:
        "Weighing privacy against accuracy"
    script:
        "../scripts/tradeoff.py"


rule method_tables:
    """Tables about networks: parameters, layers, features under dropout."""
    input:
        images=rules.images.output.test,
        weights=trained_weights(
            config["clients"][0], *CLIENTS[config["clients"][0]]["rates"]
        ),
    output:
        network=f"{RESULTS}/tables/network.parquet",
        features=f"{RESULTS}/tables/features.parquet",
        clients=f"{RESULTS}/tables/clients.parquet",
    log:
        f"{LOGS}/method_tables.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_of("method_tables.py"),
        clients={name: identity.of_client(client) for name, client in CLIENTS.items()},
        image=SELECTION[0],
        rates=CLIENTS[config["clients"][0]]["rates"],
        # For privacy budgets; nothing else here depends on trainings.
        trainings={
            name: {
                "images": sources.count_images(config["data"], "train"),
                "batch_size": config["utility"]["batch_size"],
                "epochs": (
                    client["epochs"]
                    if networks.is_trained(client)
                    else config["utility"]["epochs"]
                ),
            }
            for name, client in CLIENTS.items()
            if client["defence"]
        },
        seed=config["seed"],
    message:
        "Looking at the networks"
    script:
        "../scripts/method_tables.py"


rule defences:
    """Compare defences by their strongest attackers."""
    input:
        summary=rules.summarise.output.parquet,
        tradeoff=rules.tradeoff.output.parquet,
        utility=rules.join_utility.output[0],
        clients=rules.method_tables.output.clients,
    output:
        parquet=f"{RESULTS}/tables/defences.parquet",
        csv=f"{RESULTS}/tables/defences.csv",
    log:
        f"{LOGS}/defences.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("defences.py"),
        clients=LABELLED,
        attackers=configuration.without_oracles(config),
    message:
        "Comparing defences"
    script:
        "../scripts/defences.py"


rule evaluate_claims:
    """Test the paper's claims, and interpretations of its protocol."""
    input:
        test=rules.images.output.test,
        attacks=rules.join_attacks.output[0],
        utility=rules.join_utility.output[0],
        mean_image=rules.tradeoff.output.mean_image,
        defences=rules.defences.output.parquet,
    output:
        claims=f"{RESULTS}/tables/claims.parquet",
        claims_csv=f"{RESULTS}/tables/claims.csv",
        interpretations=f"{RESULTS}/tables/interpretations.parquet",
        interpretations_csv=f"{RESULTS}/tables/interpretations.csv",
    log:
        f"{LOGS}/evaluate_claims.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("evaluate_claims.py"),
        clients=LABELLED,
        attacker=next(iter(ATTACKERS)),
        masks=configuration.interpretations(config),
        accounting=configuration.accounting(config),
        separating=configuration.separating(config),
        success_rmse=config["success_rmse"],
        tolerated_loss=config["utility"]["tolerated_loss"],
    message:
        "Testing the paper's claims"
    script:
        "../scripts/evaluate_claims.py"


rule tables:
    """All tables."""
    input:
        rules.join_attacks.output,
        rules.join_utility.output,
        rules.summarise.output,
        rules.tradeoff.output,
        rules.defences.output,
        rules.evaluate_claims.output,
    message:
        "The tables are there"
