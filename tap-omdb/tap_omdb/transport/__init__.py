"""What all requests of a run share: connections, the circuit breaker and errors."""
