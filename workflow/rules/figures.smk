localrules:
    draw_networks,
    draw_features,
    draw_sample,
    draw_rmse_by_rate,
    draw_rmse_by_iteration,
    draw_accuracy,
    draw_attackers,
    draw_tradeoff,
    draw_attackers_sample,


FIGURES = f"{RESULTS}/figures"


rule draw_networks:
    input:
        network=rules.illustrate.output.network,
    output:
        pdf=f"{FIGURES}/figure1-networks.pdf",
        numbers=f"{RESULTS}/report/figure1-networks.rst",
        png=report(
            f"{FIGURES}/figure1-networks.png",
            caption="../report/figure1.rst",
            category="Figures",
            labels=figure_labels("1", "networks"),
        ),
    log:
        f"{LOGS}/draw_networks.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=figure_code("networks"),
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
        numbers=f"{RESULTS}/report/figure2-features.rst",
        png=report(
            f"{FIGURES}/figure2-features.png",
            caption="../report/figure2.rst",
            category="Figures",
            labels=figure_labels("2", "features under dropout"),
        ),
    log:
        f"{LOGS}/draw_features.log",
    params:
        code=figure_code("features"),
        figure="features",
        dataset=DATASET,
        options={},


use rule draw_networks as draw_sample with:
    input:
        attacks=rules.join_attacks.output[0],
        images=rules.images.output.test,
    output:
        pdf=f"{FIGURES}/figure3-sample-{{attacker}}.pdf",
        numbers=f"{RESULTS}/report/figure3-sample-{{attacker}}.rst",
        png=report(
            f"{FIGURES}/figure3-sample-{{attacker}}.png",
            caption="../report/figure3.rst",
            category="Figures",
            labels=figure_labels("3", "reconstructions", attacker="{attacker}"),
        ),
    log:
        f"{LOGS}/draw_sample-{{attacker}}.log",
    params:
        code=figure_code("sample"),
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
        numbers=f"{RESULTS}/report/figure4-rmse-by-rate-{{attacker}}.rst",
        png=report(
            f"{FIGURES}/figure4-rmse-by-rate-{{attacker}}.png",
            caption="../report/figure4.rst",
            category="Figures",
            labels=figure_labels("4", "RMSE by rate", attacker="{attacker}"),
        ),
    log:
        f"{LOGS}/draw_rmse_by_rate-{{attacker}}.log",
    params:
        code=figure_code("rmse_by_rate"),
        figure="rmse_by_rate",
        dataset=DATASET,
        options=lambda wildcards: {"attacker": wildcards.attacker},


use rule draw_networks as draw_rmse_by_iteration with:
    input:
        attacks=rules.join_attacks.output[0],
    output:
        pdf=f"{FIGURES}/figure5-rmse-by-iteration-{{attacker}}.pdf",
        numbers=f"{RESULTS}/report/figure5-rmse-by-iteration-{{attacker}}.rst",
        png=report(
            f"{FIGURES}/figure5-rmse-by-iteration-{{attacker}}.png",
            caption="../report/figure5.rst",
            category="Figures",
            labels=figure_labels("5", "RMSE by iteration", attacker="{attacker}"),
        ),
    log:
        f"{LOGS}/draw_rmse_by_iteration-{{attacker}}.log",
    params:
        code=figure_code("rmse_by_iteration"),
        figure="rmse_by_iteration",
        dataset=DATASET,
        options=lambda wildcards: {"attacker": wildcards.attacker},


use rule draw_networks as draw_accuracy with:
    input:
        labels=rules.images.output.test,
        utility=rules.join_utility.output[0],
    output:
        pdf=f"{FIGURES}/figure6-accuracy-by-rate.pdf",
        numbers=f"{RESULTS}/report/figure6-accuracy-by-rate.rst",
        png=report(
            f"{FIGURES}/figure6-accuracy-by-rate.png",
            caption="../report/figure6.rst",
            category="Figures",
            labels=figure_labels("6", "accuracy by rate"),
        ),
    log:
        f"{LOGS}/draw_accuracy.log",
    params:
        code=figure_code("accuracy_by_rate"),
        figure="accuracy_by_rate",
        dataset=DATASET,
        options={},


use rule draw_networks as draw_attackers with:
    input:
        summary=rules.summarise.output.parquet,
        tradeoff=rules.weigh.output.parquet,
    output:
        pdf=f"{FIGURES}/figure7-attackers.pdf",
        numbers=f"{RESULTS}/report/figure7-attackers.rst",
        png=report(
            f"{FIGURES}/figure7-attackers.png",
            caption="../report/figure7.rst",
            category="Figures",
            labels=figure_labels("7", "RMSE by rate, every attacker"),
        ),
    log:
        f"{LOGS}/draw_attackers.log",
    params:
        code=figure_code("attackers_by_rate"),
        figure="attackers_by_rate",
        dataset=DATASET,
        options={"attackers": config["attackers"]},


use rule draw_networks as draw_tradeoff with:
    input:
        tradeoff=rules.weigh.output.parquet,
    output:
        pdf=f"{FIGURES}/figure8-tradeoff.pdf",
        numbers=f"{RESULTS}/report/figure8-tradeoff.rst",
        png=report(
            f"{FIGURES}/figure8-tradeoff.png",
            caption="../report/figure8.rst",
            category="Figures",
            labels=figure_labels("8", "privacy against utility"),
        ),
    log:
        f"{LOGS}/draw_tradeoff.log",
    params:
        code=figure_code("privacy_and_utility"),
        figure="privacy_and_utility",
        dataset=DATASET,
        options={"attackers": config["attackers"]},


use rule draw_networks as draw_attackers_sample with:
    input:
        attacks=rules.join_attacks.output[0],
        images=rules.images.output.test,
    output:
        pdf=f"{FIGURES}/figure9-attackers-sample-{{rate}}.pdf",
        numbers=f"{RESULTS}/report/figure9-attackers-sample-{{rate}}.rst",
        png=report(
            f"{FIGURES}/figure9-attackers-sample-{{rate}}.png",
            caption="../report/figure9.rst",
            category="Figures",
            labels=figure_labels(
                "9", "reconstructions, every attacker", rate="{rate}"
            ),
        ),
    log:
        f"{LOGS}/draw_attackers_sample-{{rate}}.log",
    params:
        code=figure_code("attackers_sample"),
        figure="attackers_sample",
        dataset=DATASET,
        options=lambda wildcards: {
            "attackers": config["attackers"],
            "rate": float(wildcards.rate),
            "chosen": SELECTION[: config["sample_images"]],
        },


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


rule figure7:
    input:
        rules.draw_attackers.output,


rule figure8:
    input:
        rules.draw_tradeoff.output,


rule figure9:
    input:
        expand(rules.draw_attackers_sample.output, rate=RATES),


rule figures:
    input:
        rules.figure1.input,
        rules.figure2.input,
        rules.figure3.input,
        rules.figure4.input,
        rules.figure5.input,
        rules.figure6.input,
        rules.figure7.input,
        rules.figure8.input,
        rules.figure9.input,
