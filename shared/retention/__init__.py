"""How long what is kept: rules by class of data, legal hold, the sweep, tombstones."""
