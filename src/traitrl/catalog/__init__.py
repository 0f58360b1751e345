"""The catalog: traits, domains and pressures, each with a definition and signs of presence and absence."""

from traitrl.catalog.loader import Domain, Pressure, Trait, domains, evaluated_traits, pressures, traits

__all__ = ["Domain", "Pressure", "Trait", "domains", "evaluated_traits", "pressures", "traits"]
