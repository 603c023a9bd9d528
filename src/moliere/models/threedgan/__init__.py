"""3DGAN: adversarial networks for a block of 51 × 51 × 25 cells."""
