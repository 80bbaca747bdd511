"""Print the constants of the core that come from arithmetic with many digits (needs mpmath).

    python scripts/numeric_constants.py

`TAIL` of ``rust/core/src/numeric/tails.rs``: Chebyshev coefficients of
``(1 + 2 x) exp(x^2) erfc(x)`` in ``y = (x - 3.75) / (x + 3.75)``, cut off where they fall below
3e-19 and written in powers of ``y``.

`EXACT` of ``rust/core/src/gaussian/improvement.rs``: the logarithm of ``phi(z) + z Phi(z)``, which
is the integral of ``Phi`` up to ``z``.
"""

from __future__ import annotations

from mpmath import mp, mpf

MIDDLE = mpf(3.75)
POINTS = (
    "-10000 -5000.5 -1000 -150.25 -100.0001 -100 -99.9999 -50 -20 -10 -6 -5.0001 -5 -4.9999 -3 -2 "
    "-1.0001 -1 -0.9999 -0.5 0 0.5 1 2 5 9 20 40"
)


def scaled(y: mpf) -> mpf:
    """Return the function that `TAIL` approximates."""
    x = MIDDLE * (1 + y) / (1 - y)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def tail(degree: int = 24, nodes: int = 200) -> list[mpf]:
    """Return the coefficients of its powers, the constant first."""
    angles = [mp.pi * (k + mpf(1) / 2) / nodes for k in range(nodes)]
    values = [scaled(mp.cos(angle)) for angle in angles]
    series = [
        2 * mp.fsum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True)) / nodes
        for j in range(degree + 1)
    ]
    series[0] /= 2
    powers = [mpf(0)] * (degree + 1)
    before, current = [mpf(1)], [mpf(0), mpf(1)]
    for j, coefficient in enumerate(series):
        polynomial = before if j == 0 else current
        for power, factor in enumerate(polynomial):
            powers[power] += coefficient * factor
        if j > 0:
            following = [mpf(0), *(2 * factor for factor in current)]
            for power, factor in enumerate(before):
                following[power] -= factor
            before, current = current, following
    return powers


def log_expected(z: float) -> mpf:
    """Return the logarithm of the expected improvement."""
    z = mpf(z)
    return mp.log(mp.npdf(z) + z * mp.ncdf(z))


def main() -> None:
    """Print all of them."""
    mp.dps = 60
    print("TAIL")
    for power in tail():
        print(f"    {float(power)!r},")
    print("EXACT")
    for point in POINTS.split():
        # Of exp(-z^2 / 2), to far more digits than are left by the difference.
        print(f"    ({float(point)!r}, {float(log_expected(float(point)))!r}),")


if __name__ == "__main__":
    main()
