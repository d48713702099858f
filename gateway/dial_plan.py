"""The dial plan by the settings: for the gate, and for `gateway check`, which needs no gate."""

from __future__ import annotations

from gateway.admission.policy import Policy
from gateway.config_admission import AdmissionSettings


def policy_of(admission: AdmissionSettings) -> Policy:
    """Say which numbers may be called."""
    return Policy(
        allow=admission.allow,
        deny=admission.deny,
        premium=admission.premium,
        satellite=admission.satellite,
        shared_cost=admission.shared_cost,
        short_codes=admission.short_codes,
        emergency=admission.emergency,
        feature_codes=admission.feature_codes,
        country=admission.country,
    )
