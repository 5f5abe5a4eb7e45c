"""`python -m tacit` is `tacit`."""

from tacit.entrypoints.cli import main

if __name__ == "__main__":
    main()
