"""ExampleGen: labelled pictures -> checked, sharded TFRecords and a quarantine that accounts for the rest."""
