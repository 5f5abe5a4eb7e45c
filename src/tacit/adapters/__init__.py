"""The drivers: one file per technology, imported by bootstrap alone."""
