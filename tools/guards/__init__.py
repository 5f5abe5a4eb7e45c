"""The rules of the house as functions from a source file to what is wrong with it.

`tests/architecture` applies each to the whole tree, and each to a sample that breaks it.
"""
