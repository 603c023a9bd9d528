"""CaloGAN: adversarial networks for three segmented layers."""
