"""How sure a measured success rate is."""

import math

Z95 = 1.959963984540054  # of a two-sided interval of 95 %


def wilson(n_successes: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate, from successes among `n` independent episodes.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    It holds for few episodes and for rates near 0 and 1, unlike rate +- 2 errors.

    Raises:
      ValueError: `n` is below 1, or the successes are not from 0 to `n`.
    """
    if n < 1 or not 0 <= n_successes <= n:
        raise ValueError(
            f"successes must be 0 to the number of episodes, found {n_successes} of "
            f"{n}."
        )
    rate, z2 = n_successes / n, Z95**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    spread = rate * (1 - rate) / n + z2 / (4 * n * n)
    half = Z95 * math.sqrt(spread) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
