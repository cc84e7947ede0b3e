"""Images for viewers: made once after the reading, kept in the data folder, and made again when they are missing."""
