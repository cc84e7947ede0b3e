"""The summary page: one picture of a study for viewers that show neither SR nor presentation states."""
