"""The relational store: the schema on one page, the questions each room asks of it, and how it came to be."""
