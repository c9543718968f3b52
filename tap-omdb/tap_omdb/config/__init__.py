"""What the user says: settings, input files, and how each is validated."""
