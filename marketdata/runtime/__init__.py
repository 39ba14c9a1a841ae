"""Start, signals, drain and stop for long-running commands."""
