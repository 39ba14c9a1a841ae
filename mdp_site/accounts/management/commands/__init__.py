"""Management commands of the widgets."""
