import importlib.metadata

import gestures
import numpy as np
import pytest

from keras_shiftadd import models


@pytest.fixture
def recordings() -> gestures.Recordings:
    """Six people with one recording each; every value of a series is the number of the person."""
    people = np.arange(1, 7)
    series = [np.full((200 + 32 * person, 6), person, np.float32) for person in people]
    return gestures.Recordings(series, people % 2, people, ["a", "b"])


def test_windows_are_consecutive_samples_of_one_recording() -> None:
    series = np.arange(300 * 6, dtype=np.float32).reshape(300, 6)
    one = gestures.Recordings([series], np.array([3]), np.array([9]), ["a"] * 4)
    windows, labels = gestures.cut_windows(one, np.array([9]), step=64)
    np.testing.assert_array_equal(windows, [series[0:128], series[64:192], series[128:256]])
    np.testing.assert_array_equal(labels, [3, 3, 3])


def test_windows_come_from_the_named_people_only(recordings: gestures.Recordings) -> None:
    windows, labels = gestures.cut_windows(recordings, np.array([2, 5]), step=32)
    assert set(np.unique(windows)) == {2.0, 5.0}
    np.testing.assert_array_equal(labels, windows[:, 0, 0] % 2)


def test_folds_share_no_person_and_test_everyone_once() -> None:
    folds = gestures.test_people(np.repeat(np.arange(1, 11), 3))
    assert [list(fold) for fold in folds] == [[1, 4, 7, 10], [2, 5, 8], [3, 6, 9]]


def test_turning_keeps_the_ratio_of_lengths_and_the_angle_between_samples() -> None:
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(5, 128, 6)).astype(np.float32)
    turned = gestures.turn_and_scale(windows, rng)
    for part in (slice(0, 3), slice(3, 6)):
        before = windows[..., part] @ windows[..., part].swapaxes(1, 2)
        after = turned[..., part] @ turned[..., part].swapaxes(1, 2)
        factor = after[:, :1, :1] / before[:, :1, :1]
        np.testing.assert_allclose(after, before * factor, rtol=1e-3, atol=1e-3)
    assert np.abs(turned - windows).max() > 0.05


def test_missing_seglearn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(ImportError, match="pip install seglearn"):
        gestures.load_recordings()


def test_a_packaged_file_that_is_absent_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"numpy has no file absent\.csv"):
        gestures.packaged_file("numpy", "absent.csv")


@pytest.fixture(scope="module")
def real_recordings() -> gestures.Recordings:
    try:
        return gestures.load_recordings()
    except ImportError:
        pytest.skip("seglearn is missing: pip install 'keras-shiftadd[examples]'")


def test_real_recordings_give_the_known_number_of_windows(
    real_recordings: gestures.Recordings,
) -> None:
    windows, labels = gestures.cut_windows(real_recordings, np.arange(1, 11), gestures.TEST_STEP)
    assert windows.shape == (3605, 128, 6)
    assert len(np.unique(labels)) == len(real_recordings.names) == 7


@pytest.mark.parametrize("operator", ["conv", "shift", "adder", "hybrid"])
def test_weights_of_the_package_reach_the_accuracy_of_their_card(
    real_recordings: gestures.Recordings, operator: str
) -> None:
    name = f"resnet8_{operator}_gestures"
    card = models.list_weights()[name]
    people = gestures.test_people(real_recordings.people)[card.seeds[0] % gestures.FOLDS]
    windows, labels = gestures.cut_windows(real_recordings, people, gestures.TEST_STEP)
    mean, deviation = (np.asarray(card.preprocessing[part]) for part in ("mean", "deviation"))
    model = models.load_network(name)
    classes = model.predict((windows - mean) / deviation, batch_size=256, verbose=0).argmax(axis=1)
    assert list(card.classes) == real_recordings.names
    # A window or two lie so near a border that backends differ.
    assert np.mean(classes == labels) == pytest.approx(card.test_accuracy, abs=0.003)
