"""Market data cache (MDC): every value, announcement and lease that lives in Redis or Valkey."""
