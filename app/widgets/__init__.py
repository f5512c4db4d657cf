"""Drawing and controls that know no pipeline: theme, painting, dials, plots."""
