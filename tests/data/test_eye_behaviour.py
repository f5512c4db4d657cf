"""Plans, people and the face data pack, without drawing anything."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mcoe.data.eye.behaviour import (
    STEP_US,
    draw_frames,
    draw_temperament,
    join,
    minimum_jerk,
    plan_take,
    sample_times,
)
from mcoe.data.eye.geometry import FaceShape, topology
from mcoe.data.eye.pack import FACE_ENV, SHAPES, FacePack, check_face, find_face, load_face
from mcoe.data.eye.person import Look, draw_person, split_skins
from mcoe.data.eye.skin import bake_skin
from mcoe.data.eye.take import LEVELS, draw_lightings, fit_lightings
from mcoe.errors import McoeError
from mcoe.model.config import EMOTIONS
from tests.data.face import face_folder


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return load_face(face_folder())


def test_missing_pack_names_sources_and_licences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FACE_ENV, raising=False)
    for folder in (None, tmp_path):
        with pytest.raises(McoeError) as caught:
            find_face(folder)
        text = str(caught.value)
        assert "--face" in text and FACE_ENV in text
        assert "ICT-FaceKit" in text and "MIT" in text and "MakeHuman" in text and "CC0" in text
        assert text.count("\n") == 0


def test_damaged_pack_is_named(tmp_path: Path) -> None:
    (tmp_path / "eye_region.npz").write_bytes(b"not a zip")
    with pytest.raises(McoeError, match="cannot be read"):
        load_face(tmp_path)


def test_check_describes_a_good_pack() -> None:
    text = check_face(face_folder())
    assert "vertices" in text and "skins" in text


def test_lengths_are_those_of_the_real_set() -> None:
    rng = np.random.default_rng(0)
    frames = np.array([draw_frames(rng) for _ in range(4000)])
    assert frames.min() >= 18 and frames.max() <= 131 and abs(frames.mean() - 54) < 3


def test_minimum_jerk_is_a_monotone_step() -> None:
    y = minimum_jerk(np.linspace(-1, 2, 400))
    assert y[0] == 0 and y[-1] == 1 and (np.diff(y) >= 0).all()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_plan_has_its_segment_and_stays_in_range(emotion: str) -> None:
    temperament = draw_temperament(0, 3)
    plan = plan_take(temperament, emotion, "medium", 1.5, np.random.default_rng(1))
    assert plan.duration_us == 1_500_000 and plan.weights.shape == (1_500_000 // STEP_US + 1, len(SHAPES))
    assert plan.weights.min() >= 0 and plan.weights.max() <= 1.2
    ((start, end, label),) = plan.segments
    assert label == emotion and 0 <= start < end <= plan.duration_us
    assert np.abs(np.diff(plan.weights, axis=0)).max() < 0.15  # nothing jumps


def test_same_seed_same_plan_and_recipes_vary_between_subjects() -> None:
    a, b = (plan_take(draw_temperament(0, 1), "fear", "strong", 1.0, np.random.default_rng(5)) for _ in range(2))
    assert (a.weights == b.weights).all() and (a.gaze == b.gaze).all() and (a.slip == b.slip).all()
    recipes = [tuple(sorted(draw_temperament(0, n).recipes["fear"].items())) for n in range(20)]
    assert len(set(recipes)) == 20
    assert len({tuple(k for k, _ in r) for r in recipes}) > 3  # not even the set of units is a template


def test_blinks_happen_in_every_class() -> None:
    blink = SHAPES.index("eyeBlink_R")
    for emotion in EMOTIONS:
        shut = [
            plan_take(draw_temperament(0, n), emotion, "mild", 2.0, np.random.default_rng(n)).weights[:, blink].max()
            for n in range(40)
        ]
        assert 0.15 < np.mean(np.array(shut) > 0.85) < 0.95


def test_joined_plans_are_labelled_end_to_end() -> None:
    rng, temperament = np.random.default_rng(0), draw_temperament(0, 0)
    plan = join([plan_take(temperament, e, "strong", 1.5, rng, onset=0.3) for e in ("happy", "fear")])
    assert [label for *_, label in plan.segments if label != "neutral"] == ["happy", "fear"]
    edges = [(s, e) for s, e, _ in plan.segments]
    assert edges[0][0] == 0 and edges[-1][1] == plan.duration_us
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert np.abs(np.diff(plan.weights, axis=0)).max() < 0.15


def test_light_runs_on_to_empty_and_to_white_frames() -> None:
    drawn = [draw_lightings(np.random.default_rng(i)) for i in range(300)]
    low, over = ([d[name] for d in drawn] for name in ("low", "over"))
    usual = [light for light in low if light.beyond == 1]
    assert 100 < len(usual) < 200
    assert min(light.target_mean for light in usual) > 2
    assert min(light.target_mean for light in low) < 0.5
    assert min(light.beyond for light in low) < 0.08
    assert max(light.target_mean for light in over) > 245
    assert max(light.beyond for light in over) > 6
    assert {d["normal"].beyond for d in drawn} == {d["hdr"].beyond for d in drawn} == {1.0}
    basis = np.full((8, 10, 3), 0.4, np.float32)
    for d in drawn[:40]:
        level = {k: float(np.dot(basis.mean((0, 1)), v.mixture)) for k, v in
                 fit_lightings(d, basis, np.random.default_rng(0)).items()}  # fmt: skip
        for name in ("low", "over"):
            assert level[name] == pytest.approx(LEVELS[name] * d[name].beyond, rel=1.2)


def test_a_skin_lies_between_the_two_it_is_mixed_from(pack: FacePack) -> None:
    light, dark = (next(s for s in pack.skins if ("dark" in s.stem) == kind) for kind in (False, True))
    look = Look(np.ones(3))

    def mean(blend: float, look: Look = look) -> float:
        return float(bake_skin(pack, np.random.default_rng(1), (light, dark), blend, look, 0.3).albedo.mean())

    assert mean(0.0) > mean(0.5) > mean(1.0)
    assert mean(0.0, replace(look, tone=np.full(3, 0.8))) < mean(0.0)
    plain, rough = (
        bake_skin(pack, np.random.default_rng(1), (light, dark), 0.0, replace(look, depth=depth), 0.3).relief.std()
        for depth in (1.0, 1.5)
    )
    assert rough > 1.2 * plain


def test_sampling_follows_motion(pack: FacePack) -> None:
    plan = plan_take(draw_temperament(0, 0), "surprise", "strong", 1.5, np.random.default_rng(2))
    few, many = (sample_times(plan, pack, 41.0, px, 33_333) for px in (4.0, 1.0))
    assert many[0] == 0 and many[-1] == len(plan.weights) - 1
    assert (np.diff(many) > 0).all() and np.diff(few).max() * STEP_US <= 33_333
    assert len(many) > 1.3 * len(few)


def test_skins_and_faces_of_the_test_subjects_never_train(pack: FacePack) -> None:
    train, test = split_skins(pack, 7, 0.3)
    assert train and test and not set(train) & set(test) and len(train) + len(test) == len(pack.skins)
    people = [draw_person(n, 7, test if n >= 12 else train) for n in range(16)]
    assert {s for p in people[:12] for s in p.skins} <= set(train)
    assert {s for p in people[12:] for s in p.skins} <= set(test)
    assert all(p.skins[0] != p.skins[1] and 0 <= p.blend <= 0.5 for p in people)
    for side in (train, test):
        assert {"female" in s.stem for s in side} == {"dark" in s.stem for s in side} == {True, False}
    looks = [(*p.look.tone, p.look.contrast, p.look.pores, p.look.depth, p.look.brow, p.blend) for p in people]
    assert all(len(set(column)) == len(people) for column in zip(*looks, strict=True))
    for values in ([tuple(p.identity) for p in people], [tuple(p.rig.key) for p in people]):
        assert len(set(values)) == len(people)
    assert draw_person(3, 7, train).seed == people[3].seed


def test_blink_closes_the_lids_and_stays_outside_the_globe(pack: FacePack) -> None:
    shape = FaceShape(pack, draw_person(0, 0, list(pack.skins)).identity)
    weights = np.zeros(len(SHAPES), np.float32)
    upper, lower = pack.arrays["lid_margin"].astype(int)
    gaps = []
    for amount in (0.0, 0.5, 1.0):
        weights[SHAPES.index("eyeBlink_R")] = amount
        verts, rotation = shape.deform(weights, (0, 0))
        assert np.allclose(rotation, np.eye(3))
        low = np.interp(verts[upper[4:-4], 0], verts[lower, 0], verts[lower, 1])
        gaps.append(float((verts[upper[4:-4], 1] - low).max()))
        distance = np.linalg.norm(verts[upper[4:-4]] - shape.centre, axis=1)
        assert distance.min() > shape.radius
    assert gaps[0] > 0.7 and gaps[0] > gaps[1] > gaps[2] and gaps[2] < 0.06


def test_drawn_mesh_is_closed_between_fine_and_coarse(pack: FacePack) -> None:
    for fine in (0.0, 2.3):
        mesh = topology(pack, fine).skin
        sides = np.sort(np.concatenate([mesh.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), 1)
        _, count = np.unique(sides, axis=0, return_counts=True)
        assert count.max() <= 2
        assert np.allclose(np.asarray(mesh.matrix.sum(1)).ravel(), 1, atol=1e-5)
        _, normals = mesh.evaluate(pack.neutral.astype(np.float32))
        assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)
