"""What only training needs: reading labelled folders, splitting by patient, windows, augmentation, curves."""
