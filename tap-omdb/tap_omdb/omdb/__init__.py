"""What OMDb says: queries, error responses, typed records. Pure; imports no other room."""
