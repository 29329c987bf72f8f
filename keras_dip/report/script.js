"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const comparison = element("comparison"), view = element("view"), canvas = element("canvas");
  const after = element("after"), before = element("before");
  const divider = element("divider"), handle = element("handle");
  const result = after.src, seen = before && before.src;
  const clamp = (x) => Math.min(1, Math.max(0, x));
  const press = (buttons, pressed) => buttons.forEach(
    (button) => button.setAttribute("aria-pressed", String(button === pressed)));
  let leftName = "before", rightName = "after";

  // The divider stands still in the view, however the picture is moved below it.
  function place() {
    if (!before) return;
    const share = divider.value / 100;
    const outer = view.getBoundingClientRect(), inner = canvas.getBoundingClientRect();
    const cut = clamp((outer.left + share * view.clientWidth - inner.left) / inner.width);
    before.style.clipPath = `inset(0 ${100 * (1 - cut)}% 0 0)`;
    handle.style.left = `${share * view.clientWidth}px`;
    divider.setAttribute("aria-valuetext", `${divider.value} percent ${leftName}, the rest ${rightName}`);
  }

  function divideAt(x) {
    const outer = view.getBoundingClientRect();
    divider.value = Math.round(100 * clamp((x - outer.left) / view.clientWidth));
    place();
  }

  function zoomTo(zoom) {
    const x = (view.scrollLeft + view.clientWidth / 2) / view.scrollWidth;
    const y = (view.scrollTop + view.clientHeight / 2) / view.scrollHeight;
    canvas.style.width = zoom === "fit" ? "" : `${comparison.dataset.width * zoom}px`;
    const isLarger = view.scrollWidth > view.clientWidth || view.scrollHeight > view.clientHeight;
    view.classList.toggle("zoomed", zoom !== "fit" && isLarger);
    view.scrollLeft = x * view.scrollWidth - view.clientWidth / 2;
    view.scrollTop = y * view.scrollHeight - view.clientHeight / 2;
    place();
  }

  // Dragging moves the divider; of an enlarged picture, by mouse, the picture.
  function follow(target, move) {
    target.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || (target === view && event.offsetX > view.clientWidth)) return;
      const moved = move(event);
      if (!moved) return;
      event.preventDefault();
      if (target === view) view.focus({ preventScroll: true });
      target.setPointerCapture(event.pointerId);
      target.onpointermove = moved;
      target.onpointerup = target.onpointercancel = () => { target.onpointermove = null; };
    });
  }
  if (before) {
    follow(handle, () => (event) => divideAt(event.clientX));
    divider.addEventListener("input", place);
  }
  follow(view, (start) => {
    if (!view.classList.contains("zoomed")) {
      if (!before) return null;
      divideAt(start.clientX);
      return (event) => divideAt(event.clientX);
    }
    if (start.pointerType !== "mouse") return null; // fingers scroll by themselves
    const { scrollLeft, scrollTop } = view;
    return (event) => {
      view.scrollLeft = scrollLeft - (event.clientX - start.clientX);
      view.scrollTop = scrollTop - (event.clientY - start.clientY);
    };
  });
  view.addEventListener("scroll", place);
  window.addEventListener("resize", place);

  const zooms = all("[data-zoom]");
  zooms.forEach((button) => button.addEventListener("click", () => {
    press(zooms, button);
    zoomTo(button.dataset.zoom);
  }));
  const crisp = element("crisp");
  crisp.addEventListener("change", () => comparison.classList.toggle("crisp", crisp.checked));

  const lefts = all("[data-left]");
  lefts.forEach((button) => button.addEventListener("click", () => {
    press(lefts, button);
    before.src = button.dataset.left || seen;
    element("left-name").textContent = button.dataset.name;
    leftName = button.dataset.name.toLowerCase();
    place();
  }));
  const frames = all("[data-step]");
  frames.forEach((button) => button.addEventListener("click", () => {
    press(frames, button);
    const isResult = button.classList.contains("chosen");
    after.src = isResult ? result : button.querySelector("img").src;
    rightName = isResult ? "after" : `step ${button.dataset.step}`;
    if (element("right-name")) element("right-name").textContent = isResult ? "After" : `Step ${button.dataset.step}`;
    place();
  }));
  crisp.checked = false; // some browsers remember controls of a page
  if (divider) divider.value = 50;
  place();
})();
