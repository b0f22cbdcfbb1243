"""The paper's claims, a run's evidence for or against them, and the rules for verdicts."""
