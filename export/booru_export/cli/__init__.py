"""The training commands: options, and what they print."""
