# The workflow lives in workflow/; from here it runs with a plain `snakemake`.
include: "workflow/Snakefile"


workflow.default_target = "all"
