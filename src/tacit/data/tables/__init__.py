"""Tables of any size as Arrow batches, read once, every line accounted for or the file refused."""
