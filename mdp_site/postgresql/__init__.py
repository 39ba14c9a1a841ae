"""Django's backend for PostgreSQL, in which no query waits for ever. Django finds `base` by its name."""
