"""Whether somebody attacks, and whether the record of who did what is whole."""

from __future__ import annotations

from tacit.monitoring import guard_metrics as guards
from tacit.monitoring import host_metrics as host
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.alerting.author import Author
from tacit.monitoring.alerting.choices import DAY, AlertChoices
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.series import number, risen, select


def security_alerts(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every rule of attacks, secrets and trails."""
    author = Author(choices, "security")
    return (*_sign_ins(author), *_callers(author), *_trails(author), _secrets(author))


def _sign_ins(author: Author) -> tuple[AlertRule, ...]:
    window, limit = author.choices.span(900), author.choices.sign_in_failures
    return (
        author.alert(
            "SignInAttack",
            f"{risen(catalogue.SIGN_INS, window, result='=~refused|slowed')} > {limit}",
            says=(
                "{{ $value | humanize }} attempts to sign in failed within a quarter of an hour.",
                "Somebody guesses passwords; guesses are slowed down, and people with the right password get in.",
            ),
            runbook="sign-in-attack",
            threshold=f"more than {limit} in 15 minutes",
        ),
        author.alert(
            "RefreshTokenReused",
            f"{risen(catalogue.SIGN_INS, window, result='refresh_reused')} > 0",
            says=(
                "A refresh token was shown a second time.",
                "Two have it, of whom one may have stolen it; the whole family of tokens was ended.",
            ),
            runbook="refresh-token-reused",
            threshold="any within 15 minutes",
            severity="critical",
        ),
    )


def _callers(author: Author) -> tuple[AlertRule, ...]:
    window, blocks = author.choices.span(900), author.choices.blocks
    return (
        author.alert(
            "AbusePattern",
            f"sum by (pattern) (increase({select(guards.ABUSE, window)})) > 0",
            says=(
                "{{ $value | humanize }} callers ask as no user does: {{ $labels.pattern }}.",
                "Somebody copies lists of very many users, looks for users that there are, or asks in bursts.",
            ),
            runbook="abuse-pattern",
            threshold="any within 15 minutes",
        ),
        author.alert(
            "ManyCallersBlocked",
            f"{risen(guards.BLOCKS_MADE, window)} > {blocks}",
            says=(
                "{{ $value | humanize }} callers were kept out within a quarter of an hour.",
                "Either many attack at once, or a rule keeps out those whom it should not.",
            ),
            runbook="abuse-pattern",
            threshold=f"more than {blocks} in 15 minutes",
        ),
    )


def _trails(author: Author) -> tuple[AlertRule, ...]:
    return (
        author.alert(
            "TrailBroken",
            f"{select(host.TRAIL_BROKEN)} == 1",
            says=(
                "The trail {{ $labels.trail }} is not what was written.",
                "Somebody changed or cut the record of who did what; it proves nothing from that row on.",
            ),
            runbook="trail-broken",
            threshold="any",
            severity="critical",
        ),
        author.alert(
            "AccessRowsDropped",
            f"{risen(guards.ACCESSES, author.choices.span(900), outcome='dropped')} > 0",
            says=(
                "{{ $value | humanize }} rows of the trail of accesses were dropped.",
                "Who read what of whom is not known of these calls; a row tells how many there were.",
            ),
            runbook="access-rows-dropped",
            threshold="any within 15 minutes",
        ),
    )


def _secrets(author: Author) -> AlertRule:
    days = author.choices.secret_age_days
    return author.alert(
        "SecretOld",
        f"{select(guards.SECRET_AGE)} > {number(days * DAY)}",
        says=(
            "The secret of {{ $labels.setting }} is {{ $value | humanizeDuration }} old.",
            "The longer a secret holds, the more have seen it.",
        ),
        runbook="secret-old",
        threshold=f"{days:g} days",
        held=300,
    )
