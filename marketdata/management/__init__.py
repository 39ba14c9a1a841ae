"""Management commands of `marketdata`."""
