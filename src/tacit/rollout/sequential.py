"""Evidence that may be looked at after every request: e-values, and what a look at them may conclude (pure).

An e-value of 1/alpha or more happens with probability alpha at most, *whenever* one looks and however often (Ville's
inequality): that is what lets an analysis run every other second and stop on the first breach.  Each of them is the
likelihood under a mixture of alternatives over the likelihood under the hypothesis:

- Robbins (1970), "Statistical methods related to the law of the iterated logarithm": the mixture;
- Johari, Koomen, Pekelis and Walsh (2022), "Always valid inference": the same for experiments, with a normal mixture;
- Lindon and Malek (2022), "Anytime-valid inference for multinomial count data": counts of errors and of users that fall
  into one arm rather than the other, and the check of the split itself.
"""

from __future__ import annotations

import math

from scipy.special import betaincc, betaincinv, betaln, chdtrc, log_ndtr

_SMALLEST = 1e-30

LARGEST = 1e300
"""Where an e-value stops growing, so that it can be written down."""


def excess_evidence(hits: int, trials: int, expected: float, *, slope: float = 0.5) -> float:
    """E-value against "at most this share of the trials hits", by a mixture over every larger share.

    Args:
        hits: How many did.
        trials: Of how many.
        expected: The share.
        slope: The mixture's density grows with the power `slope - 1` of the share: below 1 it looks near the expected
            share first, above 1 near all.
    """
    if not trials or expected >= 1:
        return 1.0
    if expected <= 0:
        return LARGEST if hits else 1.0
    above = betaincc(hits + slope, trials - hits + 1.0, expected)
    if above <= 0:
        return 0.0
    density = math.log(slope) - math.log1p(-(expected**slope))
    mixed = density + float(betaln(hits + slope, trials - hits + 1.0)) + math.log(above)
    return _exp(mixed - _log_likelihood(hits, trials, expected))


def split_evidence(hits: int, trials: int, expected: float) -> float:
    """E-value against "exactly this share of the trials hits", whichever way it is off."""
    if not trials or not 0 < expected < 1:
        return 1.0
    mixed = float(betaln(hits + 1.0, trials - hits + 1.0))
    return _exp(mixed - _log_likelihood(hits, trials, expected))


def drop_evidence(difference: float, variance: float, scale: float) -> float:
    """E-value against "no less than there", of a difference whose estimate is near enough to normal.

    Args:
        difference: Here less there; below 0 where it dropped.
        variance: Of that estimate.
        scale: How large a drop is looked for: the spread of the half-normal mixture.
    """
    if variance < _SMALLEST or scale**2 < _SMALLEST:
        return 1.0
    both = variance + scale**2
    log_bell = difference**2 * scale**2 / (2 * variance * both)
    log_side = float(log_ndtr(-difference * scale / math.sqrt(variance * both)))
    return _exp(math.log(2) + 0.5 * math.log(variance / both) + log_bell + log_side)


def upper_share(hits: int, trials: int, *, confidence: float = 0.975) -> float:
    """The largest share that so many hits are still likely under (Clopper and Pearson); 1 where nothing was tried."""
    return 1.0 if hits >= trials else float(betaincinv(hits + 1.0, trials - hits, confidence))


def chi_square(hits: int, trials: int, expected: float) -> float:
    """P-value of the plain chi-square test of one look at a split, for whoever knows that number best."""
    if not trials or not 0 < expected < 1:
        return 1.0
    statistic = (hits - trials * expected) ** 2 / (trials * expected * (1 - expected))
    return float(chdtrc(1, statistic))


def _log_likelihood(hits: int, trials: int, share: float) -> float:
    return hits * math.log(share) + (trials - hits) * math.log1p(-share)


def _exp(value: float) -> float:
    return math.exp(min(value, math.log(LARGEST)))
