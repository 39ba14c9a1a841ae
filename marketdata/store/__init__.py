"""Market data cache (MDC): all values, announcements and leases that are kept in Redis or Valkey."""
