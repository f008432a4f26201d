"""The normal distribution function, by published rational approximations: what scipy would give, without its 170 MB."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969), 631-637.
# (numerator, denominator), each from the highest power down; y = |x| / sqrt(2). The relative error of each is below 1e-15.
NEAR, FAR = 0.46875, 4.0  # the limits of y between the three
_ERF_NEAR = (  # erf(y) / y, in y², for y up to NEAR
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_ERFCX_BETWEEN = (  # exp(y²) erfc(y), in y, for y from NEAR to FAR
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
        *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
    ),
)
_ERFCX_FAR = (  # (1/√π - y exp(y²) erfc(y)) y², in 1/y², for y from FAR up
    (
        *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1),
        *(1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    ),
    (
        *(1.0, 2.56852019228982242e0, 1.87295284992346725e0),
        *(5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3),
    ),
)
_BLOCK = 8192  # numbers at once: what is worked on stays in the cache


def normal_cdf(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the share of a standard normal below each x: any shape -> the same, computed in double precision and then rounded.

    NaN stays NaN, and the infinities give 0 and 1.
    """
    values = np.ascontiguousarray(x, np.float32).ravel()
    result = np.empty(values.shape, np.float32)
    for k in range(0, len(values), _BLOCK):
        result[k : k + _BLOCK] = _cdf(values[k : k + _BLOCK].astype(np.float64))
    return result.reshape(np.shape(x))


def _cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `normal_cdf`, of a row [N] of doubles."""
    y = np.abs(x) * math.sqrt(0.5)
    is_near = y <= NEAR
    near, rest = np.flatnonzero(is_near), np.flatnonzero(~is_near)
    result = np.empty_like(y)
    inner = x[near] * math.sqrt(0.5)
    result[near] = 0.5 + 0.5 * inner * _ratio(_ERF_NEAR, inner * inner)
    outer = x[rest]
    # x² is exact, for x has the 24 bits of a float32: no digit is lost in the exponent, however far out x is.
    tail = np.exp(-0.5 * outer * outer) * (0.5 * _erfcx(y[rest]))
    result[rest] = np.where(outer > 0, 1 - tail, tail)
    return result


def _erfcx(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(y²) erfc(y) of y [N] above NEAR."""
    result = _ratio(_ERFCX_BETWEEN, np.minimum(y, FAR))
    (far,) = np.nonzero(y > FAR)
    if len(far):
        inverse = 1 / y[far] ** 2
        result[far] = (1 / math.sqrt(math.pi) - inverse * _ratio(_ERFCX_FAR, inverse)) / y[far]
    return result


def _ratio(terms: tuple[tuple[float, ...], tuple[float, ...]], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient of two polynomials at x [N], by Horner's rule."""
    above, below = (_polynomial(coefficients, x) for coefficients in terms)
    above /= below
    return above


def _polynomial(coefficients: tuple[float, ...], x: NDArray[np.float64]) -> NDArray[np.float64]:
    result = coefficients[0] * x
    for coefficient in coefficients[1:-1]:
        result += coefficient
        result *= x
    result += coefficients[-1]
    return result
