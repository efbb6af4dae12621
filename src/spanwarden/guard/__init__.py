"""Ask before acting."""
