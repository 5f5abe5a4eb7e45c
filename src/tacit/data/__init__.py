"""What users did: imports, history, the catalogue, frozen snapshots."""
