ATTACK = "{attacker}/rate-{rate}/images-{batch}"


rule attack:
    input:
        images=tables_for(f"{RESULTS}/attacks/{ATTACK}.parquet", "test"),
    output:
        f"{RESULTS}/attacks/{ATTACK}.parquet",
    log:
        f"{LOGS}/attack/{ATTACK}.log",
    benchmark:
        f"{LOGS}/attack/{ATTACK}.benchmark.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt * ATTACK_MEMORY,
        runtime=lambda wildcards, attempt: attempt * ATTACK_RUNTIME,
    # Functions of `output`: these Snakemake does not compare with what they were in earlier runs.
    # Results say themselves what they depend on (plan.smk).
    params:
        table=lambda wildcards, output: f"{RESULTS}/data/test.parquet",
        settings=lambda wildcards, output: ATTACK_SETTINGS[wildcards.attacker],
        images=lambda wildcards, output: SELECTION[grid.batch_slice(wildcards.batch)],
        checkpoint=lambda wildcards, output: (
            f"{CHECKPOINTS}/{ATTACK}.safetensors".format(**dict(wildcards.items()))
        ),
    script:
        "../scripts/attack.py"


rule attacks:
    input:
        attack_files,
