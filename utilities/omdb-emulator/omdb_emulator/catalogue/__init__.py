"""The titles that the emulator serves when it is given none; see README.md."""
