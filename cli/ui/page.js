// A picture can be pasted, and dropped anywhere on the page, also in place of another.
() => {
  const zone = document.getElementById("kd-source");
  const field = () => zone.querySelector("input[type=file]");

  // A picture that is there already has to go first; then the field comes back.
  async function empty() {
    zone.querySelector("button[aria-label=Clear]")?.click();
    for (let frames = 0; frames < 120 && !field(); frames++) {
      await new Promise(requestAnimationFrame);
    }
  }

  async function take(file) {
    if (!field()) await empty();
    const input = field();
    if (!input) return;
    const transfer = new DataTransfer();
    transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return; // words, for a field
    event.preventDefault();
    take(file);
  });
  // Else the browser would leave the page, and the fit would end, for a near miss.
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (event.defaultPrevented) return; // it fell into a field
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}
