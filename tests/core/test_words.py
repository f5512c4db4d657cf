"""What a sequence's name tells."""

import pytest

from mcoe.core.words import parse_name


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("seq_12_F_30_2_normal_fear_54_1", "12"),
        ("12_F_30_2_normal_fear_54_1", "12"),
        ("seq_345_12_F_30_2_normal_fear_54_1", "12"),
        ("345_12_normal_fear_54_1", "12"),
        ("anna_normal_fear", "anna"),
        ("7_normal_fear_54_1", "7"),
    ],
)
def test_the_person_is_told_from_the_sequence(name, subject):
    said = parse_name(name)
    assert (said.subject, said.lighting, said.label) == (subject, 0, 5)
