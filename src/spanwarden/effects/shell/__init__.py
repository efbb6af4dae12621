"""Shell text, parsed: what a command line reads, writes, fetches and sends."""
