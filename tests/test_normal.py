"""The normal distribution function against the one of Python's C library."""

from __future__ import annotations

import math

import numpy as np

from models.network.normal import normal_cdf


def test_it_gives_the_bits_of_the_rounded_double() -> None:
    x = np.concatenate([np.random.default_rng(0).standard_normal(100_000), np.linspace(-14, 9, 20_001)]).astype(np.float32)
    exact = np.array([0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x.tolist()]).astype(np.float32)
    given = normal_cdf(x)
    assert given.dtype == np.float32
    assert np.count_nonzero(given != exact) <= 1  # the C library, too, may round a double the other way


def test_the_ends_are_reached_and_shapes_are_kept() -> None:
    ends = np.array([[0, -0.0, 38], [np.inf, -np.inf, -40]], np.float32)
    assert normal_cdf(ends).tolist() == [[0.5, 0.5, 1], [1, 0, 0]]
    assert np.isnan(normal_cdf(np.array([np.nan], np.float32))).all()
    assert normal_cdf(np.zeros((2, 0, 3), np.float32)).shape == (2, 0, 3)


def test_a_long_row_is_the_same_as_its_parts() -> None:
    x = np.random.default_rng(1).standard_normal(20_000).astype(np.float32)
    assert np.array_equal(normal_cdf(x), np.concatenate([normal_cdf(part) for part in np.split(x, 8)]))
