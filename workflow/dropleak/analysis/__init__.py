"""Results of an experiment: tables computed from its attacks and trainings."""
