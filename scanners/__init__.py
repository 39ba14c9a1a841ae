"""What deserves attention: from market events to state per symbol, rankings and alerts."""
