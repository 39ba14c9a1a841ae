"""Tools for a developer's machine. Production does not use them.

`demo` starts all processes on one machine. `identity` is the OpenID Connect provider of the demo.
"""
