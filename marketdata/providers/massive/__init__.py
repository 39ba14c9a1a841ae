"""The Massive.com stocks feed: `client` keeps the connection, `framing` takes frames apart."""
