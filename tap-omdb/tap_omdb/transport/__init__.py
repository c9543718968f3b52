"""What all requests of a run share: connections, the rate limit and the circuit breaker."""
