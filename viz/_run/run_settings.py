"""What a run is asked for: data, network and training, all checked, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Self

from tinygrad_mlp._arguments import check_flag, check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import ACTIVATIONS, INITIALIZERS
from tinygrad_mlp.optim._by_name import OPTIMIZERS
from viz._run.run_choices import DATA, DEFAULT, FEATURES, GIVEN, HOW_TO_TRAIN, IN_FLIGHT, TABLE
from viz._run.setting_checks import (
    LARGEST,
    all_of,
    check_text,
    checked_keys,
    checked_points,
    listed,
    named,
    whole,
)

__all__ = ["LayerSettings", "OwnTable", "RunSettings", "only_training"]

MOST_SAMPLES: Final = 20_000
MOST_UNITS: Final = 512
MOST_LAYERS: Final = 12
LONGEST_TABLE: Final = 5_000_000
LONGEST_NAME: Final = 255


@dataclass(frozen=True)
class LayerSettings:
    """A hidden layer.

    Args:
        units: the number of its neurons.
        activation: the name of its activation.
        initializer: how its weights begin, by name; "default" for what suits the activation.
        dropout: the probability that an output is left out in training.

    >>> LayerSettings(8)
    LayerSettings(units=8, activation='tanh', initializer='default', dropout=0.0)
    """

    units: int
    activation: str = "tanh"
    initializer: str = DEFAULT
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _put(self, "units", whole(self.units, "units", 1, MOST_UNITS))
        _put(self, "activation", named("activation", self.activation, ACTIVATIONS))
        if self.initializer != DEFAULT:
            _put(self, "initializer", named("initializer", self.initializer, INITIALIZERS))
        dropout = check_number(self.dropout, "dropout", "dropout=0.2", at_least=0.0, below=1.0)
        _put(self, "dropout", dropout)

    def in_flight(self) -> LayerSettings:
        """The layer as far as a change of it needs a new start."""
        return LayerSettings(self.units, initializer=self.initializer)


@dataclass(frozen=True)
class OwnTable:
    """A person's own table.

    Args:
        name: what the file is called.
        text: what stands in it: CSV, its first row the names of the columns.
        target: the column to be predicted; None for the last one.
    """

    name: str
    text: str
    target: str | None = None

    def __post_init__(self) -> None:
        for name in ("name", "text"):
            check_text(getattr(self, name), f"table.{name}")
        if len(self.name) > LONGEST_NAME:
            raise DataError(
                f"table.name has {len(self.name):,} letters, but {LONGEST_NAME} is the most for "
                "the name of a file; give it a shorter one"
            )
        if self.target is not None:
            check_text(self.target, "table.target")
        if len(self.text) > LONGEST_TABLE:
            raise DataError(
                f"{self.name} has {len(self.text):,} letters, more than the {LONGEST_TABLE:,} that "
                "a page can train on; leave rows out"
            )


@dataclass(frozen=True)
class RunSettings:
    """All that decides a training; the same settings give the same weights to the last bit.

    Args:
        data: the name of a data set that comes along; "table"; "given" with a person's own model.
        table: the person's own table, where data is "table".
        n_samples: how many points the data sets in the plane have.
        noise: how far they scatter; None for what the data set begins with.
        held_out: the share of the samples that is measured only, from 0 to 0.9.
        data_seed: the seed of the points, and of which are held out.
        painted: points that a person has added to data of two columns: x1, x2 and the class, or the
            number.
        columns: the two columns that are shown.
        features: what the network sees of data of two columns, by name; () for the columns.
        standardize: whether the features are brought to mean 0 and standard deviation 1.
        layers: the hidden layers.
        batch_size: None for all samples at once.
        optimizer: its name.
        learning_rate: of the optimizer.
        l1: the strength of the L1 penalty.
        l2: the strength of the L2 penalty.
        seed: of the first weights, the order of the samples and what dropout leaves out.

    Raises:
        InvalidArgumentError: for a number out of its range.
        UnknownNameError: for an unknown name.
        DataError: for a text that is none.

    >>> RunSettings("moons").noise, RunSettings("moons", l2=0.5).json()["l2"]
    (0.1, 0.5)
    """

    data: str = "spirals"
    table: OwnTable | None = field(default=None, repr=False)
    n_samples: int = 500
    noise: float | None = None
    held_out: float = 0.25
    data_seed: int = 0
    painted: tuple[tuple[float, float, float], ...] = ()
    columns: tuple[int, int] = (0, 1)
    features: tuple[str, ...] = ()
    standardize: bool = True
    layers: tuple[LayerSettings, ...] = field(default_factory=lambda: (LayerSettings(16),) * 2)
    batch_size: int | None = 16
    optimizer: str = "adam"
    learning_rate: float = 0.02
    l1: float = 0.0
    l2: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.data not in (*DATA, TABLE, GIVEN):
            raise UnknownNameError.of("data set", self.data, [*DATA, TABLE])
        if (self.table is not None) != (self.data == TABLE):
            raise InvalidArgumentError(
                f"data={self.data!r} and table={'a table' if self.table else None} do not go "
                "together; a table of your own is data='table', table=OwnTable(name, text)"
            )
        if self.table is not None and not isinstance(self.table, OwnTable):
            raise InvalidArgumentError(
                f"table is {described(self.table)}, but an OwnTable(name, text) is needed"
            )
        self._check_data()
        layers = listed(self.layers, "layers", MOST_LAYERS)
        for layer in layers:
            if not isinstance(layer, LayerSettings):
                raise InvalidArgumentError(
                    f"layers holds {described(layer)}, but a layer is LayerSettings(16, 'tanh')"
                )
        _put(self, "layers", layers)
        if self.batch_size is not None:
            _put(self, "batch_size", whole(self.batch_size, "batch_size", 1, 10**9))
        _put(self, "optimizer", named("optimizer", self.optimizer, OPTIMIZERS))
        for name in ("learning_rate", "l1", "l2"):
            number = check_number(
                getattr(self, name), name, f"{name}=0.01", at_least=0.0, at_most=LARGEST
            )
            _put(self, name, number)
        _put(self, "seed", whole(self.seed, "seed", 0, 2**53))

    def _check_data(self) -> None:
        _put(self, "n_samples", whole(self.n_samples, "n_samples", 20, MOST_SAMPLES))
        usual = DATA.get(self.data)
        noise = check_number(
            (usual or 0.0) if self.noise is None else self.noise,
            "noise",
            "noise=0.1",
            at_least=0.0,
            at_most=10.0,
        )
        if noise and usual is None:
            raise InvalidArgumentError(
                f"noise is {noise:g}, but {self.data} holds measured numbers, which stay as they "
                "are; choose data in the plane, such as data='moons', or noise=0"
            )
        _put(self, "noise", noise)
        share = check_number(self.held_out, "held_out", "held_out=0.25", at_least=0.0, at_most=0.9)
        _put(self, "held_out", share)
        _put(self, "data_seed", whole(self.data_seed, "data_seed", 0, 2**53))
        _put(self, "painted", checked_points(self.painted))
        columns = tuple(whole(i, "columns", 0, 10**6) for i in listed(self.columns, "columns", 2))
        if len(columns) != 2:
            raise InvalidArgumentError(
                f"columns is {described(self.columns)}, but the two columns that are shown are "
                "needed: columns=(0, 1)"
            )
        _put(self, "columns", columns)
        features = listed(self.features, "features", len(FEATURES))
        for name in features:
            if name not in [*FEATURES]:
                raise UnknownNameError.of("feature", name, FEATURES)
        if len(set(features)) < len(features):
            raise InvalidArgumentError(f"features is {described(features)}, which names one twice")
        _put(self, "features", tuple(name for name in FEATURES if name in features))
        check_flag(self.standardize, "standardize", "standardize=True")

    def with_layer(self, place: int, **settings: Any) -> Self:
        """With other settings of one layer, which count from 0."""
        place = self._place(place, len(self.layers) - 1)
        unknown = settings.keys() - {known.name for known in fields(LayerSettings)}
        if unknown:
            raise UnknownNameError.of(
                "setting of a layer", min(unknown), [known.name for known in fields(LayerSettings)]
            )
        layer = replace(self.layers[place], **settings)
        return replace(self, layers=(*self.layers[:place], layer, *self.layers[place + 1 :]))

    def with_new_layer(self, place: int | None = None) -> Self:
        """With one layer more, like the one before it."""
        place = self._place(len(self.layers) if place is None else place, len(self.layers))
        before = self.layers[max(place - 1, 0)] if self.layers else LayerSettings(16)
        return replace(self, layers=(*self.layers[:place], before, *self.layers[place:]))

    def without_layer(self, place: int) -> Self:
        """With one layer less."""
        place = self._place(place, len(self.layers) - 1)
        return replace(self, layers=(*self.layers[:place], *self.layers[place + 1 :]))

    def _place(self, place: int, last: int) -> int:
        place = check_integer(place, "the number of the layer", "0 for the first", minimum=0)
        if place > last:
            raise InvalidArgumentError(
                f"there is no hidden layer {place}; they count from 0, and there are "
                f"{len(self.layers)}"
            )
        return place

    def starts_as(self, other: RunSettings) -> bool:
        """Whether a run of these settings can become one of the others while it goes on."""
        return self._structure() == other._structure()

    def _structure(self) -> tuple[Any, ...]:
        own = [
            getattr(self, known.name)
            for known in fields(self)
            if known.name not in {*IN_FLIGHT, "columns", "layers"}
        ]
        return *own, *[layer.in_flight() for layer in self.layers]

    def json(self) -> dict[str, Any]:
        """All of it in numbers, texts, lists and dicts."""
        return asdict(self) | {
            name: [asdict(item) if isinstance(item, LayerSettings) else item for item in items]
            for name, items in [
                ("layers", self.layers),
                ("columns", self.columns),
                ("features", self.features),
                ("painted", [list(point) for point in self.painted]),
            ]
        }

    @classmethod
    def of_json(cls, given: object) -> Self:
        """The settings of which ``json`` gave the numbers.

        Raises:
            DataError: if these are none.
        """
        settings = dict(checked_keys(given, "settings", [known.name for known in fields(cls)]))
        if settings.get("table") is not None:
            names = [known.name for known in fields(OwnTable)]
            settings["table"] = OwnTable(**all_of(settings["table"], "table", names, ["target"]))
        if "layers" in settings:
            names = [known.name for known in fields(LayerSettings)]
            settings["layers"] = tuple(
                LayerSettings(**all_of(layer, f"layers[{i}]", names, names[1:]))
                for i, layer in enumerate(listed(settings["layers"], "layers", MOST_LAYERS))
            )
        return cls(**settings)


def only_training(settings: RunSettings, other: RunSettings) -> bool:
    """Whether two settings differ in how is trained alone, and not in the network or the data.

    >>> only_training(RunSettings(l2=0.5), RunSettings()), only_training(
    ...     RunSettings("moons"), RunSettings()
    ... )
    (True, False)
    """
    return settings == replace(
        other, **{name: getattr(settings, name) for name in (*HOW_TO_TRAIN, "columns")}
    )


def _put(settings: object, name: str, value: object) -> None:
    object.__setattr__(settings, name, value)
