"""The page itself: what is on it, and what happens when something is pressed."""

from __future__ import annotations

import contextlib
import html
import tempfile
import threading
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from keras_dip.cli.messages import Messages
from keras_dip.cli.ui import controls, looks
from keras_dip.cli.ui.controls import Control
from keras_dip.cli.ui.job import Job, State, in_one_line, is_expected
from keras_dip.cli.ui.wish import Wish, shown_picture
from keras_dip.errors import KerasDipError
from keras_dip.settings import DEFAULT as DEFAULT_PRESET

if TYPE_CHECKING:
    import numpy as np

TITLE = "keras-dip"
EMPTY = "The restored picture appears here."
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")
BRUSH = "#ff2d78"
PICTURES = (
    ".png .jpg .jpeg .webp .avif .bmp .gif .tif .tiff .ppm .pgm .pnm .npy .npz"
).split()
CLEANING, FILES_AGE = 600, 12 * 3600
"""Seconds between two looks for files that nobody needs any more, and their age."""

MOST_WAITING = 16
"""Restorations that are begun or have a place in the line; each keeps a thread."""

DOWNLOADS = {
    "picture": "Download picture",
    "onnx": "Download ONNX file",
    "report": "Download report",
}

Update = dict[Any, Any]


def style() -> str:
    """Return the page's style sheet."""
    return resources.files(__package__).joinpath("style.css").read_text("utf-8")


def script() -> str:
    """Return the page's script: a function that is called once the page is there."""
    return resources.files(__package__).joinpath("page.js").read_text("utf-8")


def theme() -> gr.Theme:
    """Return a theme whose fonts are the machine's own: the default's are fetched."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        radius_size="md",
        font=FONTS,
        font_mono=MONO_FONTS,
    )


class Visits:
    """Who has the page open, and the stop button of each."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._stops: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def begin(self, visit: str | None) -> None:
        """Give a visit a stop button for its next fit."""
        with self._lock:
            self._stops[visit or ""] = threading.Event()

    def event(self, visit: str | None) -> threading.Event:
        """Return what is set when the fit of a visit shall end."""
        with self._lock:
            return self._stops.setdefault(visit or "", threading.Event())

    def stop(self, visit: str | None) -> None:
        """End the fit of a visit, also one that still waits."""
        self.event(visit).set()

    def leave(self, visit: str | None) -> None:
        """End the fit of a visit that is over."""
        with self._lock:
            event = self._stops.pop(visit or "", None)
        if event is not None:
            event.set()

    def leave_all(self) -> None:
        """End all fits."""
        for visit in list(self._stops):
            self.leave(visit)


class Page:
    """The page with its components.

    Args:
        folder: Where restorations are made, each in a folder of its own.
        most_pixels: Pixels that a picture may have.
        messages: Where unexpected errors are told.
    """

    def __init__(self, folder: Path, most_pixels: int, messages: Messages) -> None:
        """Lay out the page and connect it."""
        self.folder = folder
        self.most_pixels = most_pixels
        self.messages = messages
        self.visits = Visits()
        self.tasks = controls.offered()
        self.fields: dict[str, dict[str, Any]] = {}
        with gr.Blocks(
            title=TITLE,
            analytics_enabled=False,
            fill_width=True,
            delete_cache=(CLEANING, FILES_AGE),
        ) as self.blocks:
            gr.HTML(
                '<header class="kd-header"><h1>keras-dip</h1><p>Restores one picture '
                "with a network that has never seen another. Nothing leaves this "
                "machine.</p></header>"
            )
            with gr.Row(elem_classes="kd-columns"):
                with gr.Column(scale=2, min_width=320):
                    self._lay_out_wishes()
                with gr.Column(scale=3, min_width=320):
                    self._lay_out_results()
            self._connect()

    def _lay_out_wishes(self) -> None:
        """Put what a person chooses on the page."""
        self.source = gr.File(
            label="Picture: drop it, paste it, or choose it",
            file_types=PICTURES,
            type="filepath",
            height=160,
            elem_id="kd-source",
        )
        self.given = gr.HTML(visible=False, elem_id="kd-given")
        self.editor = gr.ImageEditor(
            label="Paint over what is to be filled",
            visible=False,
            type="numpy",
            image_mode="RGBA",
            format="png",
            sources=(),
            transforms=(),
            layers=False,
            buttons=["fullscreen"],
            brush=gr.Brush(default_size=16, colors=[BRUSH], color_mode="fixed"),
            eraser=gr.Eraser(default_size=16),
            elem_id="kd-editor",
        )
        first = next(iter(self.tasks))
        self.task = gr.Dropdown(
            choices=list(self.tasks),
            value=first,
            label="Task",
            info=self.tasks[first].summary,
            filterable=False,
            elem_id="kd-task",
        )
        self.groups = {}
        for verb, declaration in self.tasks.items():
            asked = controls.controls_of(declaration)
            with gr.Accordion(
                "Options",
                open=controls.needs_options(declaration),
                visible=verb == first and bool(asked),
                elem_id=f"kd-options-{verb}",
            ) as self.groups[verb]:
                self.fields[verb] = {control.name: _field(control) for control in asked}
        with gr.Accordion("Settings of the fit", open=False, elem_id="kd-settings"):
            self.presets = {
                verb: gr.Dropdown(
                    choices=list(declaration.presets),
                    value=DEFAULT_PRESET,
                    label="Preset",
                    info="Named settings; those called 'paper' are the published "
                    "ones, slow.",
                    visible=verb == first,
                    filterable=False,
                )
                for verb, declaration in self.tasks.items()
            }
            self.steps = gr.Textbox(
                label="Steps at most",
                info="As the preset says if left empty.",
                max_lines=1,
                elem_id="kd-steps",
            )
            self.seed = gr.Number(
                label="Seed",
                info="Another seed gives a slightly other picture.",
                value=0,
                precision=0,
            )

    def _lay_out_results(self) -> None:
        """Put what comes of it on the page, below the buttons."""
        with gr.Row(elem_classes="kd-buttons"):
            self.start = gr.Button("Restore", variant="primary", elem_id="kd-start")
            self.stop = gr.Button("Stop", interactive=False, elem_id="kd-stop")
        self.status = gr.HTML(elem_id="kd-status")
        self.preview = gr.HTML(looks.figure(None, EMPTY), elem_id="kd-preview")
        self.slider = gr.ImageSlider(
            label="Before and after",
            visible=False,
            format="png",
            buttons=["fullscreen"],
            max_height=640,
            elem_id="kd-slider",
        )
        with gr.Row(elem_classes="kd-buttons"):
            self.downloads = {
                name: gr.DownloadButton(
                    words, visible=False, size="sm", elem_id=f"kd-download-{name}"
                )
                for name, words in DOWNLOADS.items()
            }
        self.curves = gr.HTML(elem_id="kd-curves")

    def _connect(self) -> None:
        """Say what happens when something is pressed."""
        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
        private: dict[str, Any] = {"api_visibility": "private"}
        given = [self.given, self.editor]
        # In the queue, but never waiting: only from there a refusal reaches the page.
        gr.on(
            [self.source.upload, self.source.clear],
            self._take,
            [self.source, self.task],
            given,
            concurrency_limit=None,
            trigger_mode="always_last",  # a drop that soon follows another counts
            show_progress="hidden",
            **private,
        )
        self.task.change(
            self._choose,
            [self.source, self.task],
            [
                self.given,
                self.editor,
                self.task,
                *self.groups.values(),
                *self.presets.values(),
            ],
            **quick,
            **private,
        )
        fields = [f for named in self.fields.values() for f in named.values()]
        asked = {
            self.source,
            self.editor,
            self.task,
            self.steps,
            self.seed,
            *self.presets.values(),
            *fields,
        }
        results = [
            self.status,
            self.preview,
            self.slider,
            self.curves,
            self.start,
            self.stop,
            *self.downloads.values(),
        ]
        self.start.click(self._line_up, None, results, **quick, **private).then(
            self._restore,
            asked,
            results,
            concurrency_limit=MOST_WAITING,
            show_progress="hidden",
            **private,
        )
        self.stop.click(self._stop, None, [self.stop], **quick, **private)
        self.blocks.unload(self._leave)

    def _take(self, source: str | None, verb: str) -> Update:
        """Show the picture that was dropped, or say at once what is wrong with it."""
        if source is None:
            return {self.given: gr.update(visible=False), **self._editor(None, verb)}
        try:
            picture = shown_picture(source, self.most_pixels)
        except KerasDipError as error:
            raise _refusal(in_one_line(error)) from error
        return self._shown(picture, verb)

    def _choose(self, source: str | None, verb: str) -> Update:
        """Show what belongs to a task."""
        picture = None
        if source is not None:
            with contextlib.suppress(Exception):  # told when it was dropped
                picture = shown_picture(source, self.most_pixels)
        return {
            **self._shown(picture, verb),
            self.task: gr.update(info=self.tasks[verb].summary),
            **{
                group: gr.update(visible=name == verb and bool(self.fields[name]))
                for name, group in self.groups.items()
            },
            **{p: gr.update(visible=v == verb) for v, p in self.presets.items()},
        }

    def _shown(self, picture: Any, verb: str) -> Update:
        """Return how a picture is shown, to be painted on or not."""
        declaration = self.tasks[verb]
        is_canvas = controls.paints(declaration) is not None
        shown = "" if picture is None else looks.figure(picture, "the picture")
        visible = picture is not None and not is_canvas
        return {
            self.given: gr.update(value=shown, visible=visible),
            **self._editor(picture, verb),
        }

    def _editor(self, picture: Any, verb: str) -> Update:
        is_canvas = controls.paints(self.tasks[verb]) is not None
        if picture is None or not is_canvas:
            return {self.editor: gr.update(value=None, visible=False)}
        image = looks.as_image(picture).convert("RGB")
        value = {"background": image, "layers": [], "composite": None}
        return {self.editor: gr.update(value=value, visible=True)}

    def _line_up(self, request: gr.Request) -> Update:
        """Answer the press of Restore, which may have to wait for another fit."""
        self.visits.begin(request.session_hash)
        return {
            self.status: looks.said(looks.WAITING),
            self.preview: gr.update(
                value=looks.figure(None, "The first picture comes soon."), visible=True
            ),
            self.slider: gr.update(visible=False),
            self.curves: "",
            self.start: gr.update(interactive=False),
            self.stop: gr.update(interactive=True, value="Stop"),
            **{button: gr.update(visible=False) for button in self.downloads.values()},
        }

    def _restore(
        self, answers: dict[Any, Any], request: gr.Request
    ) -> Iterator[Update]:
        """Restore what was asked for, and show how it comes about."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            stop = self.visits.event(request.session_hash)
            yield from self._restored(answers, Path(folder), stop)

    def _restored(
        self, answers: dict[Any, Any], folder: Path, stop: threading.Event
    ) -> Iterator[Update]:
        """Restore into a folder; what can be downloaded is copied from there."""
        try:
            made = self._wish(answers).request(folder)
            before = shown_picture(answers[self.source], self.most_pixels)
        except Exception as error:
            if not is_expected(error):
                raise
            line = in_one_line(error)
            yield self._at_rest(looks.said(looks.NO_PICTURE, line))
            raise _refusal(line) from error
        job = Job(made, most_pixels=self.most_pixels, stop=stop, messages=self.messages)
        last = State()
        for state in job.states():
            yield self._news(state, last, before)
            last = state
        if last.error is not None:
            raise _refusal(last.error)

    def _wish(self, answers: Mapping[Any, Any]) -> Wish:
        """Return what the controls of the task hold."""
        verb = answers[self.task]
        painting = answers[self.editor] or {}
        fields = self.fields[verb].items()
        return Wish(
            declaration=self.tasks[verb],
            source=answers[self.source],
            answers={name: answers[field] for name, field in fields},
            preset=answers[self.presets[verb]],
            steps=answers[self.steps],
            seed=answers[self.seed],
            layers=painting.get("layers") or (),
        )

    def _news(self, state: State, last: State, before: np.ndarray) -> Update:
        """Return what changes on the page between two states of a restoration."""
        news: Update = {self.status: looks.status(state)}
        if state.curves != last.curves or state.restoration is not last.restoration:
            news[self.curves] = looks.curves(state)
        restoration = state.restoration
        if restoration is None and state.picture is not last.picture:
            news[self.preview] = looks.figure(state.picture, "the picture so far")
        if restoration is not None and last.restoration is None:
            news[self.preview] = gr.update(visible=False)
            news[self.slider] = gr.update(
                value=looks.side_by_side(before, restoration.image), visible=True
            )
        if state.phase == "finishing" or restoration is not None:
            news[self.stop] = gr.update(interactive=False, value="Stop")
        for name in state.files.keys() - last.files.keys():
            file = state.files[name]
            label = f"{DOWNLOADS[name]} ({looks.size_in_words(file.stat().st_size)})"
            news[self.downloads[name]] = gr.update(
                value=str(file), label=label, visible=True
            )
        return {**news, **(self._at_rest(news[self.status]) if state.has_ended else {})}

    def _at_rest(self, status: str) -> Update:
        """Return the page ready for another picture."""
        return {
            self.status: status,
            self.start: gr.update(interactive=True),
            self.stop: gr.update(interactive=False, value="Stop"),
        }

    def _stop(self, request: gr.Request) -> Update:
        """End the fit with the best picture so far."""
        self.visits.stop(request.session_hash)
        return {self.stop: gr.update(interactive=False, value="Stopping")}

    def _leave(self, request: gr.Request) -> None:
        """End the fit of a page that was closed."""
        self.visits.leave(request.session_hash)


def _refusal(line: str) -> gr.Error:
    """Return what shows a person one line about what went wrong."""
    return gr.Error(html.escape(line), title=looks.NO_PICTURE, print_exception=False)


def _field(control: Control) -> Any:
    """Return the component in which a control is set."""
    about: dict[str, Any] = {"label": control.label, "value": control.value}
    if control.kind == "file":
        field = gr.File(
            label=control.label,
            file_types=list(control.suffixes or PICTURES),
            type="filepath",
            height=140,
        )
        gr.HTML(f'<p class="kd-help">{html.escape(control.help)}</p>')
        return field
    about["info"] = control.help
    if control.kind == "choice":
        return gr.Dropdown(list(control.choices), filterable=False, **about)
    if control.kind == "switch":
        return gr.Checkbox(**about)
    if control.kind in ("number", "whole") and control.value is not None:
        return gr.Number(precision=0 if control.kind == "whole" else None, **about)
    return gr.Textbox(max_lines=1, **about)  # an empty gr.Number would show 0
