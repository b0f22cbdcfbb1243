ATTACK = "{client}/{attacker}/{settings}/rate-{rate}/images-{batch}"


rule attack:
    """Attack some images: one client, one attacker, one dropout rate."""
    input:
        images=ancient(image_table("test")),
        # Ancient, so that a training with more epochs or seeds does not make attacks run again.
        weights=ancient(
            lambda wildcards: trained_weights(wildcards.client, wildcards.rate)
        ),
    output:
        f"{RESULTS}/attacks/{ATTACK}.parquet",
    log:
        f"{LOGS}/attack/{ATTACK}.log",
    benchmark:
        f"{LOGS}/attack/{ATTACK}.benchmark.tsv"
    # Before trainings, which are shorter, so that cores are busy to the end.
    priority: 1
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt * ATTACK_MEMORY,
        runtime=lambda wildcards, attempt: attempt * ATTACK_RUNTIME,
    params:
        settings=lambda wildcards: SETTINGS[wildcards.settings],
        images=lambda wildcards: SELECTION[grid.batch_slice(wildcards.batch)],
        checkpoint=f"{CHECKPOINTS}/{ATTACK}.safetensors",
    message:
        (
            "Attacking images {wildcards.batch} of {wildcards.client} with {wildcards.attacker} at "
            "dropout rate {wildcards.rate}; progress in {log}"
        )
    script:
        "../scripts/attack.py"


rule attacks:
    """All attacks."""
    input:
        attack_files,
    message:
        "The attacks are there"
