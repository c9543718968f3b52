"""What OMDb says: queries, error responses, typed records; imports no other room."""
