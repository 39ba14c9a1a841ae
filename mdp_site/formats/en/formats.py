"""Times as the operations page and the logs write them, with seconds and their zone."""

DATETIME_FORMAT = "Y-m-d H:i:s T"
