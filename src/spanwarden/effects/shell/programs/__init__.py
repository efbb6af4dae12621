"""What single programs do with their arguments. Each module fills one table: program name to reader."""
