"""Metrics, logs, traces and health endpoints for all parts of the platform."""
