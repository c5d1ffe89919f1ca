"""The CrossGuard policy pack: `airgap.rules` for the engine."""
