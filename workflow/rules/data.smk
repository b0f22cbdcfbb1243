localrules:
    images,


rule images:
    output:
        train=image_table("train"),
        test=image_table("test"),
    log:
        f"{LOGS}/images.log",
    conda:
        "../../envs/torch.yaml"
    params:
        settings=LAYOUT.images.settings,
    script:
        "../scripts/images.py"
