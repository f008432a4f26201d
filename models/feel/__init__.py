"""Human timing and velocity of given hits: what is learned of how drummers play, and how it is played."""
