"""Singer tap for OMDb, the Open Movie Database."""
