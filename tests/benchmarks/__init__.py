"""The benchmarks' own parts work; how fast anything is, no test asks."""
