"""keras-dip ui: what it says without gradio, and which ports it takes."""

import socket
import sys

import pytest

from keras_dip.cli import main
from keras_dip.cli.ui import server
from keras_dip.errors import KerasDipError


def test_without_gradio_one_line_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["ui"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install 'keras_dip[ui]'" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["--host", "--share", "--server-name"])
def test_no_option_opens_it_to_others(option, capsys):
    assert main(["ui", option, "0.0.0.0"]) == 2
    assert "No such option" in capsys.readouterr().err


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind((server.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_line(taken):
    with pytest.raises(KerasDipError, match=f"Received: port {taken}, in use"):
        server.free_port(taken)


def test_without_a_port_the_first_free_one_is_taken(taken, monkeypatch):
    monkeypatch.setattr(server, "FIRST_PORT", taken)
    assert taken < server.free_port(None) < taken + server.PORTS
