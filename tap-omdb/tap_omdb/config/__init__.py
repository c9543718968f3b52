"""What the user provides: settings and input files, and how each is validated."""
