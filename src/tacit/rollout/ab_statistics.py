"""Arms compared by their users, in intervals that hold however often somebody looks (pure).

A user is one observation, because users were what was divided.  Whatever is asked of an arm follows from the means and
covariances of a few numbers of each of its users, so that is all these functions take; every array may have leading
axes, one experiment or one look each.

The intervals are Robbins' normal mixture in its asymptotic form: Howard, Ramdas, McAuliffe and Sekhon, *Time-uniform,
nonparametric, nonasymptotic confidence sequences*, Annals of Statistics 49 (2021); Waudby-Smith, Arbour, Sinha, Kennedy
and Ramdas, *Time-uniform central limit theory and asymptotic confidence sequences*, Annals of Statistics 52 (2024).
CUPED is Deng, Xu, Kohavi and Walker, *Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data*, WSDM 2013.  The test of shares is Lindon and Malek, *Anytime-valid inference for multinomial count
data*, NeurIPS 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NUMERATOR, DENOMINATOR, COVARIATES = 0, 1, 2
"""The columns of a user's numbers: what is counted, of how many, and what was known of the user before."""

_PRIOR_USERS = 600.0
"""How firmly the test of shares expects small deviations: those of about 2 %, as defects in counting make them."""

_SMALLEST_SHARE_OF_SPREAD = 1e-9  # below this a covariate has no spread but rounding


@dataclass(frozen=True)
class Moments:
    """What the numbers of an arm's users amount to.

    Attributes:
        users: `(...)`, how many users.
        mean: `(..., columns)`, the mean of each column.
        covariance: `(..., columns, columns)`, their covariances, divided by the number of users.
    """

    users: Floats
    mean: Floats
    covariance: Floats


@dataclass(frozen=True)
class Comparison:
    """What one arm does beside the control.

    Attributes:
        control: The metric in the control.
        arm: The metric in the arm.
        difference: How much more it is in the arm.
        spread: The standard error of that.
        relative: The same as a share of the control's.
        relative_spread: The standard error of that.
        reduction: The share of the variance of the difference that knowing users' history took away.
    """

    control: Floats
    arm: Floats
    difference: Floats
    spread: Floats
    relative: Floats
    relative_spread: Floats
    reduction: Floats


def moments(columns: Floats) -> Moments:
    """What users amount to.

    Args:
        columns: `(users, columns)`, at least one user.
    """
    mean = columns.mean(axis=0)
    centred = columns - mean
    return Moments(np.asarray(float(len(columns))), mean, centred.T @ centred / len(columns))


def compare(control: Moments, arm: Moments) -> Comparison:
    """An arm beside the control, adjusted by what was known of the users before (CUPED) where columns say it.

    The metric is a quotient of means, numerator by denominator; its variance is that of the users' linearised values
    (the delta method), which keeps a user of many lists from counting as many observations.  NaN where the control's
    metric is 0 or a denominator is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [_metric(each) for each in (control, arm)]
        slopes = [_slope(each, value) for each, value in zip((control, arm), values, strict=True)]
        weights = _weights(control, arm, slopes)
        plain, adjusted = (
            [_variance(each, slope, weight) for each, slope in zip((control, arm), slopes, strict=True)]
            for weight in (np.zeros_like(weights), weights)
        )
        centre = _centre(control, arm)
        control_is, arm_is = (
            value - ((each.mean[..., COVARIATES:] - centre) * weights).sum(-1)
            for value, each in zip(values, (control, arm), strict=True)
        )
        ratio = arm_is / control_is
        return Comparison(
            control=control_is,
            arm=arm_is,
            difference=arm_is - control_is,
            spread=np.sqrt(adjusted[0] + adjusted[1]),
            relative=np.where(control_is == 0, np.nan, ratio - 1),
            relative_spread=np.sqrt(adjusted[1] + ratio**2 * adjusted[0]) / np.abs(control_is),
            reduction=1 - (adjusted[0] + adjusted[1]) / (plain[0] + plain[1]),
        )


def half_width(spread: Floats, *, expected: Floats | float, alpha: float) -> Floats:
    """How far the truth may be from an estimate, so that it never is farther at any look, but with chance `alpha`.

    Args:
        spread: The estimate's standard error now.
        expected: The size of the effects one hopes to tell, fixed beforehand; the interval is narrowest about there.
        alpha: The chance of error over all looks together.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        information = (np.asarray(expected) / spread) ** 2
        bound = (1 + 1 / information) * (np.log1p(information) - 2 * np.log(alpha))
        return np.asarray(spread * np.sqrt(bound))


def share_mismatch(counts: Floats, shares: Floats) -> Floats:
    """The p-value of users having been divided by these shares, valid at every look; small where they were not.

    It is 1 by the factor by which deviations of a few percent explain the counts better: a mixture of multinomials,
    whose factor exceeds `1/p` at any time with a chance of `p` at most.

    Args:
        counts: `(..., arms)`, the users of each arm.
        shares: `(arms,)`, the shares that were planned, all above 0.
    """
    prior = _PRIOR_USERS * shares
    factor = (_log_beta(counts + prior) - _log_beta(prior)) - (counts * np.log(shares)).sum(-1)
    return np.asarray(np.exp(-np.maximum(factor, 0.0)))


def _metric(arm: Moments) -> Floats:
    return np.asarray(arm.mean[..., NUMERATOR] / arm.mean[..., DENOMINATOR])


def _slope(arm: Moments, value: Floats) -> Floats:
    """How the metric changes with the two means it is the quotient of: `(..., 2)`."""
    return np.asarray(np.stack([np.ones_like(value), -value], axis=-1) / arm.mean[..., DENOMINATOR, None])


def _weights(control: Moments, arm: Moments, slopes: list[Floats]) -> Floats:
    """How much of each covariate is taken off a user's value: the regression over both arms together."""
    of_covariates = sum(_scaled(each)[..., COVARIATES:, COVARIATES:] for each in (control, arm))
    with_value = sum(
        np.einsum("...cv,...v->...c", _scaled(each)[..., COVARIATES:, :COVARIATES], slope)
        for each, slope in zip((control, arm), slopes, strict=True)
    )
    # Scaled to correlations, so that one cut-off tells what has no spread, whatever it is measured in.
    scale = np.sqrt(np.diagonal(of_covariates, axis1=-2, axis2=-1))
    safe = np.where(scale > 0, scale, 1.0)
    correlations = of_covariates / (safe[..., :, None] * safe[..., None, :])
    inverse = np.linalg.pinv(correlations, rcond=_SMALLEST_SHARE_OF_SPREAD, hermitian=True)
    return np.asarray(np.einsum("...cd,...d->...c", inverse, np.nan_to_num(with_value / safe)) / safe)


def _scaled(arm: Moments) -> Floats:
    return np.asarray(arm.covariance * arm.users[..., None, None])


def _variance(arm: Moments, slope: Floats, weights: Floats) -> Floats:
    """The variance of an arm's metric, with so much of each covariate taken off."""
    combination = np.concatenate([slope, -weights], axis=-1)
    variance = np.einsum("...c,...cd,...d->...", combination, arm.covariance, combination)
    return np.asarray(np.maximum(variance, 0.0) / np.maximum(arm.users - 1, 1))


def _centre(control: Moments, arm: Moments) -> Floats:
    users = np.stack([control.users, arm.users])[..., None]
    means = np.stack([control.mean[..., COVARIATES:], arm.mean[..., COVARIATES:]])
    return np.asarray((users * means).sum(0) / users.sum(0))


def _log_beta(counts: Floats) -> Floats:
    """The logarithm of the multivariate beta function, along the last axis."""
    from scipy.special import gammaln

    return np.asarray(gammaln(counts).sum(-1) - gammaln(counts.sum(-1)))
