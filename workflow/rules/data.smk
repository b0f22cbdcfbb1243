localrules:
    images,


rule images:
    output:
        train=f"{RESULTS}/data/train.parquet",
        test=f"{RESULTS}/data/test.parquet",
    log:
        f"{LOGS}/images.log",
    conda:
        "../../envs/torch.yaml"
    # Functions of `output`: these Snakemake does not compare with what they were in earlier runs.
    # Results say themselves what they depend on (plan.smk).
    params:
        data=lambda wildcards, output: config["data"],
        settings=lambda wildcards, output: IMAGES_SETTINGS,
    script:
        "../scripts/images.py"
