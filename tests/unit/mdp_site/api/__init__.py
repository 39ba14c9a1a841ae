"""The API, part by part."""
