"""Finding studies, and what becomes of Ctrl-C."""

import numpy as np
import pytest

from keras_dip import experiments
from keras_dip.experiments import base

NAMES = ["architectures", "learning-curves", "spaces", "trajectory"]


def test_every_file_with_a_study_is_found():
    assert experiments.names() == NAMES
    for name in NAMES:
        study = experiments.study(name)
        assert study.name == name
        assert study.files[-2:] == (f"{name}.csv", f"{name}.json")
        assert all(file.startswith(name) for file in study.files)


@pytest.mark.parametrize("function", [experiments.study, experiments.run])
def test_an_unknown_study_is_refused(function):
    arguments = ["nonsense"] if function is experiments.study else ["nonsense", None]
    with pytest.raises(ValueError, match=r"learning-curves.*Received: 'nonsense'"):
        function(*arguments)


def test_fits_are_made_in_turn_until_one_is_interrupted(made_up):
    image = np.zeros((2, 2, 3))
    asked = []

    def fits(*ends):
        for number, end in enumerate(ends):
            asked.append(number)
            if end is None:
                raise KeyboardInterrupt
            yield made_up(str(number), image, reports=end[1], stopped_by=end[0])

    made, interrupted = base.in_turn(fits(("steps", 2), ("steps", 1)))
    assert ([fit.name for fit in made], interrupted) == (["0", "1"], False)
    asked.clear()
    made, interrupted = base.in_turn(fits(("steps", 2), ("interrupt", 1), ("steps", 1)))
    assert ([fit.name for fit in made], interrupted) == (["0", "1"], True)
    assert asked == [0, 1]
    # One without a report, or that raised, has nothing to show.
    for end in (("interrupt", 0), None):
        made, interrupted = base.in_turn(fits(("steps", 2), end))
        assert ([fit.name for fit in made], interrupted) == (["0"], True)
        with pytest.raises(KeyboardInterrupt):
            base.in_turn(fits(end))


def test_the_skip_network_has_the_published_shape_at_128_channels(setup):
    network = base.skip_network(setup(channels=128))
    trainable = sum(np.prod(v.shape) for v in network.trainable_variables)
    assert trainable == 2_217_831  # that of the paper's network for denoising
