"""What happened: from the provider's wire to typed, stored market state."""
