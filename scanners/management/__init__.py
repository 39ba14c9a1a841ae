"""Management of the scanners room."""
