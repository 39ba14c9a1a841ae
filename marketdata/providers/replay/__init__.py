"""Recordings as a provider: `plugin` is the entrance, `configuration` the settings, `feed` the frames."""
