"""What the platform costs, measured: one module per question, one JSON object per run."""
