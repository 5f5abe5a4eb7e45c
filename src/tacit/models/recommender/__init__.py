"""The recommender: implicit-feedback factors, their baselines, and how good they are."""
