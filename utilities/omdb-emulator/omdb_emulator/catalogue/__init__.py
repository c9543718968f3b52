"""The titles that are served: loaded from files, generated, and searched."""
