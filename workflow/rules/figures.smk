localrules:
    draw_networks,
    draw_features,
    draw_sample,
    draw_rmse_by_rate,
    draw_rmse_by_iteration,
    draw_accuracy,


FIGURES = f"{RESULTS}/figures"


rule draw_networks:
    input:
        network=rules.illustrate.output.network,
    output:
        pdf=f"{FIGURES}/figure1-networks.pdf",
        png=report(
            f"{FIGURES}/figure1-networks.png",
            caption="../report/figure1.rst",
            category="Figures",
            labels={"figure": "1", "shows": "networks"},
        ),
    log:
        f"{LOGS}/draw_networks.log",
    conda:
        "../../envs/tables.yaml"
    params:
        figure="networks",
        dataset=DATASET,
        options={},
    script:
        "../scripts/figure.py"


use rule draw_networks as draw_features with:
    input:
        features=rules.illustrate.output.features,
    output:
        pdf=f"{FIGURES}/figure2-features.pdf",
        png=report(
            f"{FIGURES}/figure2-features.png",
            caption="../report/figure2.rst",
            category="Figures",
            labels={"figure": "2", "shows": "features under dropout"},
        ),
    log:
        f"{LOGS}/draw_features.log",
    params:
        figure="features",
        dataset=DATASET,
        options={},


use rule draw_networks as draw_sample with:
    input:
        attacks=rules.join_attacks.output[0],
        images=rules.images.output.test,
    output:
        pdf=f"{FIGURES}/figure3-sample-{{attacker}}.pdf",
        png=report(
            f"{FIGURES}/figure3-sample-{{attacker}}.png",
            caption="../report/figure3.rst",
            category="Figures",
            labels={
                "figure": "3",
                "shows": "reconstructions",
                "attacker": "{attacker}",
            },
        ),
    log:
        f"{LOGS}/draw_sample-{{attacker}}.log",
    params:
        figure="sample",
        dataset=DATASET,
        options=lambda wildcards: {
            "attacker": wildcards.attacker,
            "chosen": SELECTION[: config["sample_images"]],
        },


use rule draw_networks as draw_rmse_by_rate with:
    input:
        attacks=rules.join_attacks.output[0],
        summary=rules.summarise.output.parquet,
    output:
        pdf=f"{FIGURES}/figure4-rmse-by-rate-{{attacker}}.pdf",
        png=report(
            f"{FIGURES}/figure4-rmse-by-rate-{{attacker}}.png",
            caption="../report/figure4.rst",
            category="Figures",
            labels={"figure": "4", "shows": "RMSE by rate", "attacker": "{attacker}"},
        ),
    log:
        f"{LOGS}/draw_rmse_by_rate-{{attacker}}.log",
    params:
        figure="rmse_by_rate",
        dataset=DATASET,
        options=lambda wildcards: {"attacker": wildcards.attacker},


use rule draw_networks as draw_rmse_by_iteration with:
    input:
        attacks=rules.join_attacks.output[0],
    output:
        pdf=f"{FIGURES}/figure5-rmse-by-iteration-{{attacker}}.pdf",
        png=report(
            f"{FIGURES}/figure5-rmse-by-iteration-{{attacker}}.png",
            caption="../report/figure5.rst",
            category="Figures",
            labels={
                "figure": "5",
                "shows": "RMSE by iteration",
                "attacker": "{attacker}",
            },
        ),
    log:
        f"{LOGS}/draw_rmse_by_iteration-{{attacker}}.log",
    params:
        figure="rmse_by_iteration",
        dataset=DATASET,
        options=lambda wildcards: {"attacker": wildcards.attacker},


use rule draw_networks as draw_accuracy with:
    input:
        utility=rules.join_utility.output[0],
    output:
        pdf=f"{FIGURES}/figure6-accuracy-by-rate.pdf",
        png=report(
            f"{FIGURES}/figure6-accuracy-by-rate.png",
            caption="../report/figure6.rst",
            category="Figures",
            labels={"figure": "6", "shows": "accuracy by rate"},
        ),
    log:
        f"{LOGS}/draw_accuracy.log",
    params:
        figure="accuracy_by_rate",
        dataset=DATASET,
        options={},


rule figure1:
    input:
        rules.draw_networks.output,


rule figure2:
    input:
        rules.draw_features.output,


rule figure3:
    input:
        expand(rules.draw_sample.output, attacker=config["attackers"]),


rule figure4:
    input:
        expand(rules.draw_rmse_by_rate.output, attacker=config["attackers"]),


rule figure5:
    input:
        expand(rules.draw_rmse_by_iteration.output, attacker=config["attackers"]),


rule figure6:
    input:
        rules.draw_accuracy.output,


rule figures:
    input:
        rules.figure1.input,
        rules.figure2.input,
        rules.figure3.input,
        rules.figure4.input,
        rules.figure5.input,
        rules.figure6.input,
