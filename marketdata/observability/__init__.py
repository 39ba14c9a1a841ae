"""What operators see of the platform: metrics, logs, traces and health, for every room."""
