"""Rows in every table that there is, by the revision of the schema that brought it."""

from __future__ import annotations

FIRST_ROWS = (
    "INSERT INTO model_numbers VALUES ('recommender', 2)",
    "INSERT INTO versions VALUES ('recommender', 1, 'd', 'pass', 'now')",
    "INSERT INTO versions VALUES ('recommender', 2, 'd', 'fail', 'now')",
    "INSERT INTO promotions VALUES ('recommender', 1, 'promoted', NULL, 1, 'ann', 0, '', 'now')",
    "INSERT INTO challengers VALUES ('recommender', 2)",
    "INSERT INTO audit VALUES (1, 'x', 'ann', 'x', 'now', '{}', 'd')",
    "INSERT INTO exposures VALUES ('r1', 'recommender/1', NULL, 'popular', 1, '[\"ü\"]', 1767355200000)",
)
EVENT_ROWS = (
    "INSERT INTO event_offset VALUES ('events', 3, 3, 2)",
    "INSERT INTO applied_events VALUES (1, 1, 5, 'api', 'e1', 'ann', 'i1', 'play', NULL, 4, NULL, '{}', 1, 1000000)",
    "INSERT INTO interactions VALUES ('ann', 'i1', 1000000, 1, 4, NULL, NULL, NULL)",
    "INSERT INTO event_quarantine VALUES (1, 2, 5, 'api', 'e2', 'bob', '{}', NULL, 'entity_unknown', 'x', 'held', 1)",
    "INSERT INTO event_counts VALUES ('api', 2, 1, 0, 1, 0)",
)
CATALOGUE_ROWS = (
    "INSERT INTO catalog_revision VALUES ('items', 1)",
    "INSERT INTO catalog_items VALUES ('i1', 1, 'One', NULL, NULL, '{}', 1, NULL, 0, 5)",
    "INSERT INTO catalog_users VALUES ('ann', '{}', '[]', '[]', '[]', 5)",
)
TRAFFIC_ROWS = (
    "INSERT INTO traffic_plans VALUES ('recommender', 1, NULL, NULL)",
    "INSERT INTO exposure_arms VALUES ('r1', 'rollout-1', 'canary-5', 'canary', 5)",
    "INSERT INTO arm_counts VALUES ('rollout-1', 'canary-5', 'canary', 3, 1, 1)",
    "INSERT INTO arm_latencies VALUES ('rollout-1', 'canary-5', 'canary', 7, 3)",
    "INSERT INTO shadow_counts VALUES ('rollout-1', 2, 1, 0, 1, 0.5, 0.25)",
)
ROLLOUT_ROWS = (
    "INSERT INTO rollouts VALUES (1, 'recommender', 'shadow', 0, 1, '{}')",
    "INSERT INTO rollout_steps VALUES (1, 1, 'shadow', 'shadow', 'ann', 5, '[]', '{}')",
)
LEDGER_ROWS = (
    "INSERT INTO promotion_seals VALUES ('recommender', 1, NULL, NULL, 'd')",
    "INSERT INTO version_pins VALUES ('recommender', 1, 'why', 'ann', 'now')",
    "INSERT INTO version_prunings VALUES ('recommender', 2, 'ann', 5, 'now')",
    "INSERT INTO version_origins VALUES ('recommender', 2, 'recommender', 9, 'd', 'k')",
)
AB_ROWS = (
    "INSERT INTO attributed_events VALUES (2, 'r1', 'ann', 'i1', 5, 30.0)",
    "INSERT INTO ab_tests VALUES (1, 'recommender', '{}', 'running', '', 5, 6, NULL)",
)
A_RUN = (
    "'run-1', 1, 'sweep', 'seven', 'production', 'made-up', 'key', 'snapshot', 'code', 'validation', '{}', 7, "
    "'complete', '{}', '{}', 1.5, 1, 2, 'digest', NULL, '2026-01-01', '2026-01-01', NULL"
)
RUN_ROWS = (
    f"INSERT INTO runs VALUES ({A_RUN})",
    "INSERT INTO run_choices VALUES ('choice-1', 1, 'seven', 'snapshot', 'run-1', '{}', 'best', 'ann', '2026-01-01')",
)
A_JOB, NOTHING = "'train', '{}', 'person', 'ann'", "NULL, NULL, NULL"
JOB_ROWS = (
    f"INSERT INTO jobs VALUES ('j1', 2, NULL, {A_JOB}, 'failed', 5, 5, 1, 6, 7, NULL, NULL, '', 0.5, {NOTHING}, '')",
    f"INSERT INTO jobs VALUES ('j2', 1, 'train', {A_JOB}, 'queued', 5, 5, 0, {NOTHING}, NULL, '', 0.0, {NOTHING}, '')",
)
KEY_ROWS = (
    "INSERT INTO api_keys VALUES ('k1', 'shop', 'ann', '[]', 'reader', NULL, 0, 5, 'ann', NULL, NULL, NULL)",
    "INSERT INTO api_key_secrets VALUES ('k1', 1, 'd', 5, NULL)",
    "INSERT INTO api_key_uses VALUES ('k1', 3, 6)",
    "INSERT INTO auth_standing VALUES ('keys', 1, 0)",
)
ACCOUNT_ROWS = (
    "INSERT INTO accounts VALUES ('a1', 'ann', 'admin', 5, 'hash', 0, NULL, NULL)",
    "INSERT INTO accounts VALUES ('a2', 'bob', 'reader', 5, NULL, 1, 'u1', 'subject')",
    "INSERT INTO sessions VALUES ('s1', 'a1', 'token', 'secret', 5, 6, 7, NULL)",
    "INSERT INTO sessions VALUES ('s2', 'a1', 'browser', 'digest', 5, 6, 7, 8)",
    "INSERT INTO refresh_tokens VALUES ('t1', 's1', 5, 6, 'client')",
    "INSERT INTO sign_in_places VALUES ('a1', 'place', 5)",
    "INSERT INTO sign_in_attempts VALUES ('login:x', 3, 5)",
)
GUARD_ROWS = (
    "INSERT INTO guarding VALUES ('strict', 'on', 3)",
    "INSERT INTO blocks VALUES ('b1', '203.0.113.7', 'why', 'manual', 'ann', 5, 6, 1, '', '', '', NULL)",
    "INSERT INTO accesses VALUES (1, 5, 'personal', 'GET', '/r', 'me', '-', 's', 'allowed', 200, 'r', '', '{}', 'd')",
    "INSERT INTO subject_keys VALUES ('ann', 'ab')",
)
HIDING_ROWS = (
    "INSERT INTO hidden_items VALUES ('ann', 'i1', 5)",
    "INSERT INTO hiding_users VALUES ('ann', 1)",
    "INSERT INTO exposure_propensities VALUES ('r1', '[0.95]', 5)",
)
MOOD_ROWS = (
    "INSERT INTO moods VALUES ('party', 'Party', '{}', '[\"i1\"]', 5)",
    "INSERT INTO rehearsed_lists VALUES ('list-1', 5)",
)
DRIFT_ROWS = ("INSERT INTO drift_looks VALUES (5, 0.25, 'ok', '{}')",)
KEYED_ROWS = ("INSERT INTO event_keys VALUES (-2, 1)",)
ADDED_ROWS = {
    "0001": FIRST_ROWS,
    "0002": EVENT_ROWS,
    "0003": CATALOGUE_ROWS,
    "0004": TRAFFIC_ROWS,
    "0005": LEDGER_ROWS,
    "0006": ROLLOUT_ROWS,
    "0007": AB_ROWS,
    "0008": JOB_ROWS,
    "0009": RUN_ROWS,
    "0010": KEY_ROWS,
    "0011": ACCOUNT_ROWS,
    "0012": GUARD_ROWS,
    "0014": HIDING_ROWS,
    "0013": MOOD_ROWS,
    "0015": DRIFT_ROWS,
    "0016": KEYED_ROWS,
}
"""Rows in every table that a revision adds."""
