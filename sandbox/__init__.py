"""A small retail company to try the product on, served over the five platforms' real protocols."""
