"""What is kept: the journal of requests not yet decided."""
