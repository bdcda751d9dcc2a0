"""What each change of pixels and each mixing means, against its definition or a library."""

import numpy as np
import pytest
from scipy import ndimage

from app.domain import augment_pixels, mixing
from app.domain.augment_pixels import BLUR, CONTRAST, ERASED, NOISE, NOISE_SEED
from app.domain.recipe import Augmentation

SIZE = 40


def pictures(n: int = 6) -> np.ndarray:
    return np.random.default_rng(5).uniform(0, 255, (n, SIZE, SIZE, 3)).astype(np.float32)


def drawn_of(spec: Augmentation, n: int = 6) -> np.ndarray:
    return augment_pixels.draw(spec, n, SIZE, np.random.default_rng(8))


def test_contrast__mean_stays_and_distances_are_multiplied():
    spec = Augmentation(contrast_low=0.2, contrast_high=0.9)
    images, drawn = pictures(), drawn_of(spec)
    changed = augment_pixels.apply(images, spec, drawn)
    for image, factor, result in zip(images, drawn[:, CONTRAST], changed, strict=True):
        np.testing.assert_allclose(result, (image - image.mean()) * factor + image.mean(), atol=1e-3)
        assert 0.2 <= factor <= 0.9


def test_blur__equals_scipy():
    spec = Augmentation(blur=2.0)
    images, drawn = pictures(), drawn_of(spec)
    changed = augment_pixels.apply(images, spec, drawn)
    reach = augment_pixels.radius(spec)
    for image, deviation, result in zip(images, drawn[:, BLUR], changed, strict=True):
        expected = ndimage.gaussian_filter(
            image.astype(np.float64), (deviation, deviation, 0), mode="nearest", radius=(reach, reach, 0)
        )
        np.testing.assert_allclose(result, expected, atol=0.01)


def test_noise__is_normal_independent_and_repeatable():
    spec = Augmentation(noise=20)
    drawn = drawn_of(spec, 4)
    drawn[:, NOISE] = 20
    grey = np.full((4, SIZE, SIZE, 3), 128, np.float32)
    grain = (augment_pixels.apply(grey, spec, drawn) - 128) / 20
    assert grain.mean() == pytest.approx(0, abs=0.02)
    assert grain.std() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(grain) < 1) == pytest.approx(0.683, abs=0.02)
    flat = grain.reshape(4, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.05
    assert abs(np.corrcoef(flat[0, 1:], flat[0, :-1])[0, 1]) < 0.05
    assert len(set(drawn[:, NOISE_SEED])) == 4
    np.testing.assert_array_equal(grain, (augment_pixels.apply(grey, spec, drawn) - 128) / 20)


def test_erase__wipes_a_rectangle_out_of_the_part_that_was_asked_for():
    spec = Augmentation(erase=0.3)
    drawn = drawn_of(spec, 2000)
    sides = drawn[:, ERASED + 2 : ERASED + 4] - drawn[:, ERASED : ERASED + 2]
    hit = sides.prod(axis=1) > 0
    assert hit.mean() == pytest.approx(0.3, abs=0.04)
    assert (drawn[:, ERASED:] >= 0).all()
    assert (drawn[:, ERASED:] <= SIZE).all()
    image = pictures(1)
    chosen = drawn[hit][:1]
    (changed,) = augment_pixels.apply(image, spec, chosen)
    left, top, right, bottom = chosen[0, ERASED:].astype(int)
    inside = np.zeros((SIZE, SIZE), bool)
    inside[top:bottom, left:right] = True
    np.testing.assert_allclose(changed[inside], np.tile(image[0].mean(axis=(0, 1)), (inside.sum(), 1)), atol=0.01)
    np.testing.assert_array_equal(changed[~inside], image[0][~inside])


def test_draw__what_is_off_takes_no_random_number():
    first, second = np.random.default_rng(1), np.random.default_rng(1)
    augment_pixels.draw(Augmentation(), 5, SIZE, first)
    second.random(10)  # channel shift and brightness
    assert first.random() == second.random()


@pytest.mark.parametrize("values", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}])
def test_mixing__labels_have_the_share_of_the_pixels(values):
    drawn = mixing.draw(Augmentation(**values), 400, SIZE, np.random.default_rng(2))
    black, white = np.zeros((400, SIZE, SIZE, 3), np.float32), np.ones((400, SIZE, SIZE, 3), np.float32)
    own = 1 - mixing.apply(black, white, drawn).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(own, drawn[:, mixing.LABEL], atol=1e-5)
    assert 0.3 < own.mean() < 0.9
    assert own.std() > 0.1


def test_mixing__off_changes_nothing():
    images = pictures()
    drawn = mixing.draw(Augmentation(), 6, SIZE, np.random.default_rng(2))
    np.testing.assert_array_equal(mixing.apply(images, images[::-1], drawn), images)
