"""The commands, one module each: `add_to` declares its arguments, `run` does the work."""
