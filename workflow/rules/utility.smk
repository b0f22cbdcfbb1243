TRAINING = "{network}/{dropout}/{defence}/{settings}/rate-{rate}"


rule train:
    """Train a network with one dropout rate, for its accuracy and as a client to attack."""
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
    message:
        (
            "Training {wildcards.network} at dropout rate {wildcards.rate} (dropout: "
            "{wildcards.dropout}, defence: {wildcards.defence}); progress in {log}"
        )
    script:
        "../scripts/train.py"


rule weights:
    """Take the weights that a client is attacked with out of a training."""
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
    message:
        "Taking the weights of {wildcards.network} at dropout rate {wildcards.rate} after epoch {wildcards.epoch}"
    script:
        "../scripts/weights.py"


rule utility:
    """All trainings."""
    input:
        list(TRAININGS),
    message:
        "The trainings are there"
