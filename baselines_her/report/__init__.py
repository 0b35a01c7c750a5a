"""A page about runs: one HTML file that loads nothing; `baselines-her report`."""
