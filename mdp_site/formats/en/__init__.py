"""English: how pages write dates and times."""
