"""What runs, in which order: specs, plans, runs, lineage and the command line."""
