"""Storage commitment: recording who asks, judging what may be promised, knowing where to report it."""
