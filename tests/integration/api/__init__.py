"""The API over HTTP, on the real web server with a real cache."""
