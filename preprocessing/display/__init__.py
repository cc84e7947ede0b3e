"""A mammogram for a screen elsewhere: the breast's box, windows, a preview, and the lossless pixels by resolution."""
