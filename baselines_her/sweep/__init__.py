"""Sweeps: find good settings by many short trainings; `baselines-her sweep`."""
