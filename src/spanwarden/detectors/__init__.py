"""What text and values look like: injected instructions, secrets, personal data, where a value came from."""
