"""One folder per way out."""
