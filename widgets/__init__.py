"""What people see: from stored market state to the browser."""
