"""`python -m gateway` is `mammogate`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
