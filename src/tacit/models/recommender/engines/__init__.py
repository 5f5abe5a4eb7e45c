"""The engines: the kernels of training and retrieval, twice: native, and plain NumPy as oracle and fallback."""
