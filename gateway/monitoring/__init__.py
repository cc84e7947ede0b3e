"""What the gateway says of itself: scores and refusals by source and week, counts, and the text for Prometheus."""
