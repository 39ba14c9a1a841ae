"""Management commands of the market data room."""
