rule attack:
    input:
        images=f"{RESULTS}/data/test.parquet",
    output:
        f"{RESULTS}/attacks/{{attacker}}/rate-{{rate}}/images-{{batch}}.parquet",
    log:
        f"{LOGS}/attack/{{attacker}}/rate-{{rate}}/images-{{batch}}.log",
    benchmark:
        f"{LOGS}/attack/{{attacker}}/rate-{{rate}}/images-{{batch}}.benchmark.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt * ATTACK_MEMORY,
        runtime=lambda wildcards, attempt: attempt * ATTACK_RUNTIME,
    params:
        attacker=lambda wildcards: ATTACKERS[wildcards.attacker],
        client=config["client"],
        images=lambda wildcards: SELECTION[grid.batch_slice(wildcards.batch)],
        seed=config["seed"],
        iterations=config["attack"]["iterations"],
        precision=config["attack"]["precision"],
        engine_version=ENGINE_VERSION,
    script:
        "../scripts/attack.py"


rule attacks:
    input:
        expand(
            rules.attack.output,
            attacker=config["attackers"],
            rate=RATES,
            batch=BATCHES,
        ),
