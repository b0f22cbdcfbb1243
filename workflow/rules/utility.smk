rule train:
    input:
        train=rules.images.output.train,
        test=rules.images.output.test,
    output:
        f"{RESULTS}/utility/rate-{{rate}}.parquet",
    log:
        f"{LOGS}/train/rate-{{rate}}.log",
    benchmark:
        f"{LOGS}/train/rate-{{rate}}.benchmark.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt * TRAINING_MEMORY,
        runtime=lambda wildcards, attempt: attempt * TRAINING_RUNTIME,
    params:
        client=config["client"],
        seed=config["seed"],
        seeds=config["utility"]["seeds"],
        training={
            key: config["utility"][key]
            for key in (
                "epochs",
                "batch_size",
                "optimiser",
                "learning_rate",
                "initialisation",
            )
        },
    script:
        "../scripts/train.py"


rule utility:
    input:
        expand(rules.train.output, rate=UTILITY_RATES),
