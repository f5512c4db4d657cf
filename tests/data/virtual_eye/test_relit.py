"""A virtual eye's recording in the laboratory's light is as the virtual eye rendered in that light."""

from __future__ import annotations

import numpy as np
import pytest

from mcoe.data.virtual_eye.behaviour import STEP_US, draw_temperament, plan_take, sample_times
from mcoe.data.virtual_eye.face import load_face
from mcoe.data.virtual_eye.person import draw_person, split_skins
from mcoe.data.virtual_eye.sensor import Lighting, Optics, Sensor, blur
from mcoe.sensor import lighting
from mcoe.sensor.aps import irradiance
from tests.data.virtual_eye.face import face_folder
from tests.sensor.scenes import ENDS, EXPOSURE_US, SIZE, WINDOW_US, Seen, see

pytest.importorskip("moderngl", reason="rendering needs moderngl")
pytest.importorskip("scipy", reason="rendering needs scipy")


@pytest.fixture(scope="module")
def drawn() -> list[tuple[np.ndarray, float]]:
    """Return the basis images of a smile and their times, µs."""
    from mcoe.data.virtual_eye.renderer import EyeRenderer

    pack = load_face(face_folder())
    person = draw_person(0, 5, split_skins(pack, 5, 0.3)[0])
    plan = plan_take(draw_temperament(5, 0), "happy", "strong", 0.8, np.random.default_rng(1))
    out = []
    with EyeRenderer(pack, person, SIZE) as renderer:
        for i in sample_times(plan, pack, SIZE[0] / person.width, 1.5, 33_333):
            gaze, slip = (tuple(map(float, move[i])) for move in (plan.gaze, plan.slip))
            out.append((blur(renderer.render(plan.weights[i].astype(np.float32), gaze, slip), 0.3), float(i * STEP_US)))
    return out


def record(drawn: list[tuple[np.ndarray, float]], ev: float, gain: float | None = None) -> Seen:
    key, side, around = np.array((8.6, 1.4, 1.1)) * 2.0**ev
    light = Lighting("normal", (key, side, around), exposure_us=EXPOSURE_US)
    return see(Sensor(SIZE, light, ENDS, np.random.default_rng(7), Optics(blur=0.3), gain=gain), drawn)


# Measured: events −4, −3, −2, −3 %; mean grey within 0.03, its spread within 0.3 (in the dark, of 2.6).
@pytest.mark.parametrize(("ev", "within"), [(-4.0, 0.2), (-2.0, 0.1), (2.0, 0.1), (4.0, 0.1)])
def test_a_relit_recording_is_as_one_rendered_in_that_light(
    drawn: list[tuple[np.ndarray, float]], ev: float, within: float
) -> None:
    recorded = record(drawn, 0.0)
    truth = record(drawn, ev, recorded.gain)
    light, gain = lighting.Lighting(ev=ev, noise=1.0), np.full((SIZE[1], SIZE[0]), 2.0**ev, np.float32)
    windows, frames = [], []
    for k, (events, frame, end) in enumerate(zip(recorded.windows, recorded.frames, ENDS, strict=True)):
        own = irradiance(frame, EXPOSURE_US)
        windows.append(lighting.stress_events(events, light, own, (int(end) - WINDOW_US, int(end)), k))
        frames.append(lighting.stress_image(frame, light, gain, k))
    lab = Seen(np.stack(frames), windows, recorded.gain)
    assert lab.rate == pytest.approx(truth.rate, rel=within)
    assert lab.frames.mean() == pytest.approx(truth.frames.mean(), rel=0.02)
    assert lab.frames.std() == pytest.approx(truth.frames.std(), rel=0.1)
