"""Classification networks that a detector's features come from, one file each."""
