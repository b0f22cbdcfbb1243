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
    params:
        data=config["data"],
        settings=IMAGES_SETTINGS,
    script:
        "../scripts/images.py"
