"""From a query to the response of OMDb: pure functions, without network, keys or clock."""
