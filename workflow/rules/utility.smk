rule train:
    input:
        train=image_table("train"),
        test=image_table("test"),
    output:
        f"{LAYOUT.trainings.path}/rate-{{rate}}.parquet",
    log:
        f"{LOGS}/train/{LAYOUT.trainings.digest}/rate-{{rate}}.log",
    benchmark:
        f"{LOGS}/train/{LAYOUT.trainings.digest}/rate-{{rate}}.benchmark.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt * TRAINING_MEMORY,
        runtime=lambda wildcards, attempt: attempt * TRAINING_RUNTIME,
    params:
        settings=LAYOUT.trainings.settings,
    script:
        "../scripts/train.py"


rule utility:
    input:
        training_files(),
