"""`python -m omdb_dashboard`."""

from omdb_dashboard.cli import main

if __name__ == "__main__":
    main()
