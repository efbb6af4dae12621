"""What every settings class is made of: the strict base, durations, sizes, endpoints, TLS. Imports nothing of ours."""
