"""What runs the platform on a developer's machine, and nowhere in production.

`demo` starts all processes on one machine; `identity` is the OpenID Connect provider that it brings.
"""
