"""The native engine's workshop: is the binary that of the sources, and does it hold under the sanitizers?"""
