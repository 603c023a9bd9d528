"""The hierarchical variational autoencoder and its Boltzmann prior."""
