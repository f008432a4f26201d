"""The Live device, built from source to one .amxd without Max. Knows the requests; no sockets, no models, no torch."""
