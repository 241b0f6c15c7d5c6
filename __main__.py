"""``python -m edgeemo``: the same command line as the ``edgeemo`` script."""

from .cli import main

if __name__ == "__main__":
    main()
