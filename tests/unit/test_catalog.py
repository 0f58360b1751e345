import pytest
from pydantic import ValidationError

from traitrl.catalog import Trait, domains, evaluated_traits, pressures, traits


def test_there_are_16_traits_13_domains_and_6_pressures():
    assert (len(traits()), len(domains()), len(pressures())) == (16, 13, 6)


def test_seven_known_traits_are_evaluated():
    assert len(evaluated_traits()) == 7
    assert set(evaluated_traits()) < set(traits())


@pytest.mark.parametrize("entry", [*traits().values(), *domains().values()], ids=lambda entry: entry.id)
def test_every_trait_and_domain_has_a_definition_and_signs_of_both_kinds(entry):
    assert len(entry.definition.split()) >= 5
    assert entry.present and entry.absent
    assert all(sign.strip() for sign in (*entry.present, *entry.absent))
    assert not set(entry.present) & set(entry.absent)


@pytest.mark.parametrize("pressure", pressures().values(), ids=lambda entry: entry.id)
def test_every_pressure_has_a_name_and_a_definition(pressure):
    assert pressure.name.strip() and pressure.definition.strip()


@pytest.mark.parametrize("name", ["traits", "domains", "pressures"])
def test_no_id_occurs_twice_in_a_catalog_file(name):
    from traitrl.catalog import loader

    ids = [entry["id"] for entry in loader._read(f"{name}.yaml")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", [*traits(), *domains()])
def test_ids_hold_no_dot_because_scenario_ids_are_split_at_dots(name):
    assert "." not in name and " " not in name


def test_unknown_keys_of_a_trait_are_refused():
    with pytest.raises(ValidationError, match="colour"):
        Trait(**traits()["truthfulness"].model_dump(), colour="red")
