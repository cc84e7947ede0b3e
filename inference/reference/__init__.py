"""The published reference network, trained as published and honestly, so that both figures stand beside each other."""
