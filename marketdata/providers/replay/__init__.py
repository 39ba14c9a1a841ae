"""Recordings as a provider: `plugin` is the entry point, `configuration` the settings, `feed` the frames."""
