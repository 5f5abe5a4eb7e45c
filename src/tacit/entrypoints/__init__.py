"""The doors: each parses, calls one operation, renders."""
