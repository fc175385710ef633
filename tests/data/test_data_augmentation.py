"""Augmentations: what they draw, beside formulas by hand and beside scipy's pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tinygrad_mlp import data
from tinygrad_mlp.data import (
    GaussianNoise,
    MixUp,
    RandomRotation,
    RandomTranslation,
    load_digits,
    one_hot,
)
from tinygrad_mlp.data._augmentation import (
    after_augmentation,
    as_augmentations,
    augmented,
    moved,
    turned,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, RenamedError, ShapeError

Floats = NDArray[np.float64]
DIGITS: Final = load_digits()
X: Final = np.asarray(DIGITS.X[:40], dtype=float)
Y: Final = one_hot(DIGITS.y[:40], 10)
EVERY: Final[list[Any]] = [
    GaussianNoise(0.5), MixUp(0.4), RandomTranslation(2), RandomRotation(20.0),
]  # fmt: skip


@pytest.mark.parametrize("augmentation", EVERY, ids=repr)
def test_the_same_generator_gives_the_same_batch_and_goes_on(augmentation: Any) -> None:
    before = X.copy(), Y.copy()
    first, again = np.random.default_rng(3), np.random.default_rng(3)
    (X1, y1), (X2, y2) = augmentation(X, Y, first), augmentation(X, Y, again)
    X3, _ = augmentation(X, Y, first)
    assert (X1 == X2).all()
    assert (y1 == y2).all()
    assert X1.shape == X.shape
    assert y1.shape == Y.shape
    assert (X1 != X3).any()
    assert (X1 != X).any()
    assert (before[0] == X).all()
    assert (before[1] == Y).all()
    assert (y1 is Y) == getattr(augmentation, "keeps_targets", False)


def test_noise_is_sigma_times_a_standard_normal_draw() -> None:
    found, _ = GaussianNoise(0.5)(X, Y, np.random.default_rng(1))
    expected = X + 0.5 * np.random.default_rng(1).standard_normal(X.shape)
    np.testing.assert_array_equal(found, expected)
    assert (GaussianNoise(0.0)(X, Y, np.random.default_rng(1))[0] == X).all()


@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0, 8])
def test_mixup_mixes_a_sample_with_one_other_and_the_targets_alike(alpha: float) -> None:
    # The sums of distinct powers of two tell which samples were mixed, with which share.
    samples, rng = np.array([[2.0**i] for i in range(6)]), np.random.default_rng(0)
    targets = np.eye(6)
    for _ in range(50):
        mixed, rows = MixUp(alpha)(samples, targets, rng)
        shares = np.diag(rows)
        np.testing.assert_allclose(mixed, rows @ samples, rtol=1e-12)
        np.testing.assert_allclose(rows.sum(axis=0), 1.0, rtol=1e-12)  # each is the other once
        np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-12)
        assert (shares >= 0.5).all()
        assert (rows.argmax(axis=1) == np.arange(6)).all() or shares.min() < 0.5 + 1e-9
        alone = shares == 1.0
        assert len(np.unique(shares[~alone].round(12))) <= 1  # one share for the batch


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_the_share_of_mixup_is_the_larger_side_of_a_beta(alpha: float) -> None:
    """The mean of max(l, 1 - l), and of its square, by scipy's distribution."""
    from scipy.stats import beta

    rng = np.random.default_rng(2)
    shares = []
    for _ in range(4000):
        mixed, _ = MixUp(alpha)(np.array([[0.0], [1.0]]), np.ones((2, 1)), rng)
        if mixed[0, 0] != 0.0:  # they were exchanged, not left where they are
            shares.append(mixed[1, 0])
    law = beta(alpha, alpha)
    for power in (1, 2):
        expected = law.expect(lambda s, p=power: max(s, 1.0 - s) ** p)
        assert np.mean(np.power(shares, power)) == pytest.approx(expected, abs=0.02)
    assert 1800 < len(shares) < 2200  # of the two orders of two samples each is as likely


def test_mixup_of_numbers_and_of_labels() -> None:
    mixed, y = MixUp(1.0)(np.array([[0.0], [1.0]]), np.array([0.0, 10.0]), np.random.default_rng(3))
    np.testing.assert_allclose(y, 10.0 * mixed[:, 0], rtol=1e-15)
    with pytest.raises(DataError, match=r"MixUp\(alpha=1\) mixes targets, .* int64 numbers"):
        MixUp(1.0)(X, DIGITS.y[:40], np.random.default_rng(0))


def test_a_moved_picture_by_hand() -> None:
    picture = np.arange(1.0, 7.0).reshape(1, 2, 3)
    by = {
        (0, 0): [[1, 2, 3], [4, 5, 6]],
        (1, 0): [[0, 0, 0], [1, 2, 3]],
        (-1, 0): [[4, 5, 6], [0, 0, 0]],
        (0, 1): [[0, 1, 2], [0, 4, 5]],
        (0, -2): [[3, 0, 0], [6, 0, 0]],
        (1, 1): [[0, 0, 0], [0, 1, 2]],
    }
    down, right = np.array(list(by)).T
    found = moved(np.repeat(picture, len(by), axis=0), down, right)
    assert found.tolist() == list(by.values())


def test_translations_are_scipy_s_shifts_and_reach_every_place() -> None:
    translate, rng = RandomTranslation(2, shape=(8, 8)), np.random.default_rng(0)
    many = np.repeat(X, 20, axis=0)
    down, right = np.random.default_rng(0).integers(-2, 3, size=(2, len(many)))
    found, _ = translate(many, Y, rng)
    for i in range(len(many)):
        picture = many[i].reshape(8, 8)
        expected = ndimage.shift(picture, (down[i], right[i]), order=0, mode="constant")
        assert (found[i].reshape(8, 8) == expected).all()
    assert {*zip(down.tolist(), right.tolist())} == {(i, j) for i in range(-2, 3)
                                                     for j in range(-2, 3)}  # fmt: skip
    assert (RandomTranslation(0)(X, Y, rng)[0] == X).all()


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (16, 4), (1, 64)])
def test_a_turned_picture_is_scipy_s(shape: tuple[int, int]) -> None:
    pictures = X.reshape(-1, *shape)
    degrees = np.random.default_rng(4).uniform(-180.0, 180.0, size=len(pictures))
    degrees[:5] = [0.0, 90.0, -90.0, 180.0, 45.0]
    found = turned(pictures, degrees)
    center = (np.array(shape) - 1.0) / 2.0
    for picture, angle, ours in zip(pictures, np.deg2rad(degrees), found):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        expected = ndimage.affine_transform(
            picture, turn, center - turn @ center, order=1, mode="grid-constant", cval=0.0
        )
        np.testing.assert_allclose(ours, expected, rtol=0.0, atol=1e-12 * 16)


def test_turns_go_counter_clockwise_as_scipy_s() -> None:
    pictures = X[:9].reshape(-1, 8, 8)
    for degrees in (90.0, 33.0):
        found = turned(pictures, np.full(9, degrees))
        for picture, ours in zip(pictures, found):
            expected = ndimage.rotate(
                picture, degrees, reshape=False, order=1, mode="grid-constant"
            )
            np.testing.assert_allclose(ours, expected, rtol=0.0, atol=1e-12 * 16)
    np.testing.assert_allclose(turned(pictures, np.full(9, 90.0)), np.rot90(pictures, 1, (1, 2)),
                               rtol=0.0, atol=1e-12)  # fmt: skip


def test_no_turn_changes_nothing_and_a_turn_adds_no_ink() -> None:
    pictures = X.reshape(-1, 8, 8)
    assert (turned(pictures, np.zeros(40)) == pictures).all()
    found = turned(pictures, np.full(40, 12.0))
    assert found.min() >= 0.0
    assert found.max() <= pictures.max() * (1.0 + 1e-12)


def test_rotations_draw_one_angle_for_each_picture() -> None:
    found, _ = RandomRotation(15.0)(X, Y, np.random.default_rng(6))
    degrees = np.random.default_rng(6).uniform(-15.0, 15.0, size=40)
    expected = turned(X.reshape(-1, 8, 8), degrees).reshape(X.shape)
    np.testing.assert_array_equal(found, expected)


# Arguments


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise(-0.1), r"sigma is -0.1, but a number >= 0 .* GaussianNoise\("),
        (lambda: GaussianNoise("1"), r"sigma is '1'"),  # type: ignore[arg-type]
        (lambda: MixUp(0.0), r"alpha is 0.0, but a number > 0 is needed: MixUp\(alpha=0.2\)"),
        (lambda: RandomTranslation(-1), "pixels is -1, but a whole number of at least 0"),
        (lambda: RandomTranslation(0.5), "pixels is 0.5"),  # type: ignore[arg-type]
        (lambda: RandomTranslation(8), r"pixels is 8, which moves pictures of the shape \(8, 8\)"),
        (lambda: RandomTranslation(3, shape=(3, 9)), r"pixels is 3, which moves"),
        (lambda: RandomRotation(181), "degrees is 181, but a number >= 0 and <= 180 is needed"),
        (lambda: RandomRotation(-1), "degrees is -1"),
        (lambda: RandomRotation(10, shape=64), r"shape is 64, but a pair"),  # type: ignore[arg-type]
        (lambda: RandomRotation(10, shape=(8, 8, 1)), "but a pair"),  # type: ignore[arg-type]
        (
            lambda: RandomTranslation(1, shape=(8, 0)),
            r"a size in shape is 0, .*RandomTranslation\(pixels=1",
        ),
    ],
)
def test_arguments_that_will_not_do(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        make()


@pytest.mark.parametrize("make", [RandomTranslation, RandomRotation])
def test_pictures_of_another_shape(make: Any) -> None:
    needed = r"\(.* needs 64 features for pictures of 8 x 8 pixels, but X has shape \(40, 30\)"
    name = make.__name__
    with pytest.raises(ShapeError, match=rf"{name}{needed};.*{name}\(shape=\(28, 28\)\)"):
        make()(X[:, :30], Y, np.random.default_rng(0))
    found, _ = make(shape=(5, 6))(X[:, :30], Y, np.random.default_rng(0))
    assert found.shape == (40, 30)


def test_what_they_print() -> None:
    assert [repr(each) for each in EVERY] == [
        "GaussianNoise(sigma=0.5)",
        "MixUp(alpha=0.4)",
        "RandomTranslation(pixels=2, shape=(8, 8))",
        "RandomRotation(degrees=20, shape=(8, 8))",
    ]
    usual = (GaussianNoise(), MixUp(), RandomTranslation(), RandomRotation())
    assert [repr(each) for each in usual] == [
        "GaussianNoise(sigma=0.1)",
        "MixUp(alpha=0.2)",
        "RandomTranslation(pixels=1, shape=(8, 8))",
        "RandomRotation(degrees=10, shape=(8, 8))",
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Mixup", "MixUp"), ("GaussNoise", "GaussianNoise"), ("Rotate", "RandomRotation"),
     ("Shift", "RandomTranslation")],
)  # fmt: skip
def test_other_names(theirs: str, ours: str) -> None:
    with pytest.raises(RenamedError, match=f"its name here is {ours}"):
        getattr(data, theirs)
    with pytest.raises(TypeError, match=r"its name here is sigma: GaussianNoise\(sigma=0.2"):
        GaussianNoise(std=0.2)  # type: ignore[call-arg]


# Several, and functions of your own


def test_several_are_applied_in_their_order() -> None:
    chain: Any = [RandomRotation(10), lambda X, y, rng: (X / 16.0, y), GaussianNoise(0.1)]
    found, _ = augmented(as_augmentations(chain), X, Y, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    expected = RandomRotation(10)(X, Y, rng)[0] / 16.0
    np.testing.assert_array_equal(found, GaussianNoise(0.1)(expected, Y, rng)[0])
    assert as_augmentations(MixUp()) != as_augmentations(())
    assert as_augmentations(tuple(EVERY)) == tuple(EVERY)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (3, r"augment holds 3, but .*augment=GaussianNoise\(\), or a list"),
        ([MixUp(), "noise"], "augment holds 'noise'"),
        (MixUp, r"make one: augment=MixUp\(\)"),
        ([RandomRotation], r"make one: augment=RandomRotation\(\)"),
    ],
)
def test_what_is_no_augmentation(augment: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        as_augmentations(augment)


def test_an_augmentation_that_does_not_say_its_arguments_is_taken() -> None:
    class OfC:
        __signature__ = "unknown"

        def __call__(self, X: Floats, y: Floats, rng: np.random.Generator) -> Any:
            return X, y

    own = OfC()
    assert as_augmentations(own) == (own,)
    assert augmented(as_augmentations(own), X, Y, np.random.default_rng(0))[0] is X


@pytest.mark.parametrize(
    ("own", "error", "message"),
    [
        (lambda X, y, rng: X, InvalidArgumentError, "returned .*return X, y"),
        (lambda X, y, rng: None, InvalidArgumentError, "returned None, but it must"),
        (lambda X, y, rng: {0: X, 1: y}, InvalidArgumentError, "must return features and targets"),
        (lambda X, y, rng: X[:2], InvalidArgumentError, "must return features and targets"),
        (lambda X, y, rng: (X, y, rng), InvalidArgumentError, "must return features and targets"),
        (
            lambda X, y, rng: (X[:-1], y),
            ShapeError,
            r"X of the .* has shape \(39, 64\), .*\(40, 64",
        ),
        (lambda X, y, rng: (X, y[:, :9]), ShapeError, r"y of the .* has shape \(40, 9\)"),
        (
            lambda X, y, rng: (X * np.nan, y),
            DataError,
            r"of what the augmentation <lambda> gave, X\[0, 0\] is nan",
        ),
        (lambda X, y, rng: (X, y + np.inf), DataError, r"augmentation .* gave, y\[0, 0\] is inf"),
        (lambda X, y, rng: (X.astype(str), y), DataError, r"gave, X\[0, 0\] is .*, not a number"),
    ],
)
def test_wrong_results_are_named(own: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        augmented([GaussianNoise(0.1), own], X, Y, np.random.default_rng(0))


def test_whole_numbers_stay_whole() -> None:
    labels = DIGITS.y[:40]
    rng = np.random.default_rng(0)
    assert augmented([GaussianNoise()], X, labels, rng)[1] is labels
    with pytest.raises(DataError, match=r"y of the .* is float64, but it went in as int64; keep"):
        augmented([lambda X, y, rng: (X, y * 0.5)], X, labels, rng)
    found, y = augmented([lambda X, y, rng: (X.astype(int), y.tolist())], X, Y, rng)
    assert found.dtype == y.dtype == np.float64


def test_an_error_of_the_loss_names_the_augmentations_that_change_targets() -> None:
    def halved(X: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return X, 0.5 * y

    def turned_round(X: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return X, -y

    keeping: list[Any] = [GaussianNoise(0.1), RandomRotation(10.0), RandomTranslation(1)]
    error = ShapeError("wrong")
    assert after_augmentation([], error, "hinge") is None
    assert after_augmentation(keeping[1:], error, "hinge") is None
    blamed = after_augmentation([*keeping[1:], halved, turned_round], error, "hinge")
    assert isinstance(blamed, ShapeError)
    assert str(blamed) == (
        "the loss 'hinge' cannot take the targets that the augmentation halved and turned_round "
        "gave: wrong"
    )
    mixing = after_augmentation([*keeping, halved, MixUp(0.5)], error, "hinge")
    assert isinstance(mixing, ShapeError)
    assert str(mixing) == (
        "MixUp(alpha=0.5) does not go with the loss 'hinge', whose targets cannot be mixed "
        "(wrong); take another loss, such as 'binary_cross_entropy_with_logits' or "
        "'categorical_cross_entropy', or leave it out"
    )
