"""One folder per way in."""
