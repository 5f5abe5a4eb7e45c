"""The hot path: a question in, an honest answer out."""
