"""The ledger: decided runs, their findings and evaluations, and what is still to be told of them, in SQLite."""
