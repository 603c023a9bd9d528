// Runs in a report's page in tests/report/test_browser.py: presses what there is to press, and says what came of it.
"use strict";

(async () => {
  const found = { tables: {}, pictures: {}, prints: [] };
  const display = document.getElementById("event-display");
  const part = (name) => display.querySelector(`[data-part="${name}"]`);

  // Files are caught on their way to the disk, and printing on its way to the printer.
  const made = [];
  const caught = [];
  URL.createObjectURL = (blob) => `blob:${made.push(blob) - 1}`;
  HTMLAnchorElement.prototype.click = function click() { caught.push([this.download, made[Number(this.href.slice(5))]]); };
  window.print = () => {
    const sheet = document.getElementById("sheet");
    found.prints.push({ title: document.title, element: sheet.firstElementChild.tagName, page: sheet.nextSibling.textContent });
    window.dispatchEvent(new Event("afterprint"));
  };

  async function press(figure, kind) {
    const before = caught.length + found.prints.length;
    [...figure.querySelectorAll(".files button")].find((button) => button.textContent === kind).click();
    while (caught.length + found.prints.length === before) await new Promise((done) => { setTimeout(done, 10); });
    return caught.at(-1);
  }

  async function take(figure, kind) {
    const [name, blob] = await press(figure, kind);
    if (kind === "CSV") found.tables[name] = await blob.text();
    else found.pictures[name] = coloursOf(await createImageBitmap(blob));
  }

  // Size, first pixel, and number of colours of a picture.
  function coloursOf(image) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    const pixels = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
    return { size: [image.width, image.height], corner: pixels[0], colours: new Set(pixels).size };
  }

  // The event display's picture must be read in the same breath as it is drawn.
  function slide(to) {
    part("threshold").value = to;
    part("threshold").dispatchEvent(new Event("input"));
    const captions = ["reference", "generated"].map((side) => part(`caption-${side}`).textContent);
    return { captions, words: part("threshold-words").textContent, picture: part("canvas").toDataURL() };
  }

  const [all, some, one, again] = [0, 50, 100, 0].map(slide);
  found.slid = [all, some, one].map(({ captions, words }) => ({ captions, words }));
  found.changed = [all.picture !== some.picture, some.picture !== one.picture, all.picture === again.picture];
  await take(display, "PNG");
  await take(display, "CSV");
  await press(display, "PDF");
  const figures = [...document.querySelectorAll("figure[data-name]")];
  found.names = figures.map((figure) => figure.dataset.name);
  for (const figure of figures) await take(figure, "CSV");
  for (const figure of figures.slice(0, 2)) await take(figure, "PNG");
  await press(figures[0], "PDF");
  found.restored = document.getElementById("sheet") === null && figures[0].querySelector("svg") !== null;
  console.log(`visited ${JSON.stringify(found)} end`);
})();
