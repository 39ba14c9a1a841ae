"""`make bench`: each stage measured against the limit of this machine, in the same run."""
