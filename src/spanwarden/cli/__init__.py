"""One module per command. Commands parse, call and print."""
