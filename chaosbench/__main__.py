"""`python -m chaosbench` is the command line."""

from chaosbench.cli.main import main

if __name__ == "__main__":
    main()
