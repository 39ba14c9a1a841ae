"""Market data: from a provider's feed through the queues to the stored state of the market."""
