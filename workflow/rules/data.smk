localrules:
    images,


rule images:
    """Make the tables of the images that are attacked and trained with."""
    output:
        train=image_table("train"),
        test=image_table("test"),
    log:
        f"{LOGS}/images.log",
    conda:
        "../../envs/torch.yaml"
    params:
        settings=LAYOUT.images.settings,
    message:
        "Reading the images"
    script:
        "../scripts/images.py"
