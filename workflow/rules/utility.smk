TRAINING = "rate-{rate}"


rule train:
    input:
        train=tables_for(f"{RESULTS}/utility/{TRAINING}.parquet", "train"),
        test=tables_for(f"{RESULTS}/utility/{TRAINING}.parquet", "test"),
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
    # Functions of `output`: these Snakemake does not compare with what they were in earlier runs.
    # Results say themselves what they depend on (plan.smk).
    params:
        tables=lambda wildcards, output: [
            f"{RESULTS}/data/{part}.parquet" for part in ("train", "test")
        ],
        settings=lambda wildcards, output: TRAINING_SETTINGS,
    script:
        "../scripts/train.py"


rule utility:
    input:
        training_files,
