"""The verbs that are not tasks: one file for each."""
