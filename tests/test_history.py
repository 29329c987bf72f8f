from types import SimpleNamespace

import numpy as np

from keras_dip import history
from keras_dip.history import HistoryRecorder


def test_comparing_with_a_reference_is_no_part_of_the_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(history.time, "perf_counter", lambda: now[0])
    reference = np.zeros((16, 16, 3), "float32")

    def picture():
        now[0] += 100
        return reference + 0.1

    recorder = HistoryRecorder(picture, reference)
    recorder.set_model(SimpleNamespace(step=25))
    for _ in range(2):
        now[0] += 3
        recorder.on_epoch_end(0, {"loss": 1.0})

    assert recorder.history["seconds"].tolist() == [3, 6]
    assert recorder.seconds == 6
