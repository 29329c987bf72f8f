// Opens the ONNX file of a restoration and draws its picture, all on this machine.

import { FileError, metadataOf } from "./metadata.mjs";

const LARGEST = 89_478_485; // pixels; as keras_dip.images.limits has it

const at = (id) => document.getElementById(id);
let runtime = null;
let last = 0; // the number of the file that was opened last

async function load() {
  try {
    runtime = await import("./vendor/ort.wasm.bundle.min.mjs");
  } catch {
    const served = location.protocol.startsWith("http");
    say(
      served
        ? "The runtime is missing: the site was built without npm (docs/browser/vendor.py)."
        : "Browsers run this page from a server only: python -m http.server, in the site's folder.",
      "error",
    );
    return;
  }
  // One thread: more would need headers that a plain file server does not send.
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmPaths = {
    wasm: new URL("./vendor/ort-wasm-simd-threaded.wasm", import.meta.url).href,
  };
  runtime.env.logLevel = "error";
  at("file").addEventListener("change", ({ target }) => open(target.files[0]));
  listenToDrops(at("drop"));
  say("Ready.", "ready");
  open(at("file").files[0]); // chosen before the runtime was there
}

function listenToDrops(zone) {
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind === "drop") open(event.dataTransfer.files[0]);
    });
  }
}

async function open(file) {
  if (file === undefined) return;
  const number = ++last;
  at("result").hidden = true;
  say(`${file.name} is being computed …`, "busy");
  await new Promise((resolve) => setTimeout(resolve, 50)); // so that the line is seen
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const facts = metadataOf(bytes);
    const began = performance.now();
    const image = await regenerate(bytes, facts.shape);
    if (number !== last) return; // another file was opened meanwhile
    await show(image, facts, file.name);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    say(`${file.name}: computed here in ${seconds} s.`, "done");
  } catch (error) {
    if (number !== last) return;
    const reason =
      error instanceof FileError ? error.message : `This file cannot be run: ${error.message}`;
    say(`${file.name}: ${reason.split("\n")[0].slice(0, 300)}`, "error");
  }
}

/** Run a file without any input; return the data of its output, [1, H, W, C]. */
async function regenerate(bytes, [height, width, channels = 1]) {
  if (height * width > LARGEST) {
    throw new FileError(`A picture of ${width} x ${height} pixels is too large.`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new FileError(`A picture of ${channels} channels cannot be drawn, only 1 or 3.`);
  }
  const session = await runtime.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
    logSeverityLevel: 4, // z has a default, of which it would warn
  });
  try {
    const [output] = session.outputNames;
    if (output === "tiles") {
      throw new FileError(
        "The tiles of this picture are files of their own: use keras-dip regenerate.",
      );
    }
    if (session.outputNames.length !== 1 || output !== "image" || session.inputNames.length) {
      throw new FileError("This file does not give a picture by itself.");
    }
    const { image } = await session.run({});
    const expected = [1, height, width, channels];
    if (image.type !== "float32" || `${image.dims}` !== `${expected}`) {
      throw new FileError(`This file makes [${image.dims}], but says [${expected}].`);
    }
    return image.data;
  } finally {
    await session.release();
  }
}

async function show(image, facts, name) {
  const [height, width, channels = 1] = facts.shape;
  const pixels = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let band = 0; band < 3; band++) {
      // An ImageData rounds, and keeps to 0 ... 255.
      pixels.data[4 * pixel + band] = 255 * image[channels * pixel + (channels === 3 ? band : 0)];
    }
    pixels.data[4 * pixel + 3] = 255;
  }
  const canvas = at("picture");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  await offer(canvas, name.replace(/\.onnx$/i, "") + ".png");
  list(facts);
  at("result").hidden = false;
}

/** Let the link save what is drawn. */
async function offer(canvas, name) {
  const link = at("save");
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob === null) throw new FileError("This browser cannot draw so large a picture.");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = name;
}

function list(facts) {
  const [height, width, channels = 1] = facts.shape;
  const lines = {
    task: facts.task,
    picture: `${width} x ${height}, ${channels === 3 ? "colour" : "grey"}`,
    network: `${facts.network?.name}, ${Number(facts.weights).toLocaleString("en")} weights`,
    fit: `${facts.steps} steps${ofSeveral(facts.settings)}, step ${facts.best_step} kept, seed ${facts.seed}`,
    "made with": `keras_dip ${facts.versions?.keras_dip}`,
  };
  if (facts.latent?.contains_picture) lines.note = "The file also contains the degraded picture.";
  if (facts.source_dtype !== "uint8") lines.depth = "The original has more than the 8 bits shown.";
  at("facts").replaceChildren(
    ...Object.entries(lines).flatMap(([term, description]) => {
      const [dt, dd] = ["dt", "dd"].map((tag) => document.createElement(tag));
      [dt.textContent, dd.textContent] = [term, description];
      return [dt, dd];
    }),
  );
}

/** Return whose steps they are in all, where a picture was made of several fits. */
function ofSeveral(settings) {
  const { members, tiles } = settings ?? {};
  if (tiles) return " of all tiles";
  return members > 1 ? ` of ${members} members` : "";
}

function say(line, state) {
  at("status").textContent = line;
  at("status").className = state;
}

load();
