"""Experiments: what was tried, what each try scored and cost, and which one was chosen for what reason."""
