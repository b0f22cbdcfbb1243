"""What an experiment's attacks and trainings say, in tables."""
