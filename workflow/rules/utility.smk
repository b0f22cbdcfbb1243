TRAINING = "{network}/{dropout}/{defence}/{settings}/rate-{rate}"


rule train:
    input:
        train=ancient(image_table("train")),
        test=ancient(image_table("test")),
    output:
        f"{RESULTS}/utility/{TRAINING}.parquet",
    log:
        f"{LOGS}/train/{TRAINING}.log",
    benchmark:
        f"{LOGS}/train/{TRAINING}.benchmark.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt * TRAINING_MEMORY,
        runtime=lambda wildcards, attempt: attempt * TRAINING_RUNTIME,
    params:
        settings=lambda wildcards: SETTINGS[wildcards.settings],
    script:
        "../scripts/train.py"


rule utility:
    input:
        list(TRAININGS),
