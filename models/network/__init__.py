"""The network of all families, its latent space, and the two runtimes that compute it. No clips, no files."""
