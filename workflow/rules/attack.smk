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
    params:
        table=f"{RESULTS}/data/test.parquet",
        settings=lambda wildcards: ATTACK_SETTINGS[wildcards.attacker],
        images=lambda wildcards: SELECTION[grid.batch_slice(wildcards.batch)],
        checkpoint=f"{CHECKPOINTS}/{ATTACK}.safetensors",
    script:
        "../scripts/attack.py"


rule attacks:
    input:
        attack_files,
