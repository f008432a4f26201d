"""What the verbs do to clips: variation, interpolation, palettes, sampling. Clips in, clips out; no requests, no sockets."""
