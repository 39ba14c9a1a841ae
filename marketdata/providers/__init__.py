"""Sources of market data: `base` says what one is, each vendor has a package with `client` and `framing`."""
