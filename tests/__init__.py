"""Tests of Huiying: unit, component, integration, e2e, contracts, conventions, faults, bench."""
