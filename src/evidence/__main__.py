"""The command as ``python -m evidence``, for where its own program is not on the path."""

from evidence.cli import main

if __name__ == "__main__":
    main()
