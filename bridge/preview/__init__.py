"""Clips as a page that shows and plays them, beside what they were made from. No models."""
