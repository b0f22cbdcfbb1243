"""The paper's claims and ours, a run's evidence for or against them, and the rules for verdicts."""
