"""`python -m infra.cli`: the same as `chatsmart`."""

from infra.cli.entry import main

if __name__ == "__main__":
    main()
