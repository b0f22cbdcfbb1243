TRAINING = "{network}/{dropout}/{defence}/{settings}/rate-{rate}"


rule train:
    input:
        train=ancient(image_table("train")),
        test=ancient(image_table("test")),
    output:
        table=f"{RESULTS}/utility/{TRAINING}.parquet",
        weights=f"{RESULTS}/utility/{TRAINING}.safetensors",
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


rule weights:
    input:
        weights_in_training,
    output:
        f"{RESULTS}/weights/{TRAINING}/epoch-{{epoch}}.safetensors",
    log:
        f"{LOGS}/weights/{TRAINING}/epoch-{{epoch}}.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        settings=lambda wildcards: SETTINGS[wildcards.settings],
    script:
        "../scripts/weights.py"


rule utility:
    input:
        list(TRAININGS),
