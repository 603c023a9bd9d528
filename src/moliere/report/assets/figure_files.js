// Every figure of the page as files: PNG drawn from its SVG, PDF by printing it alone, CSV out of the page's own numbers.
// Needs no network. report/html.py writes the numbers: name → CSV as JSON, compressed, in base64.
"use strict";

const figureFiles = (() => {
  const PIXELS = 300 / 72; // an SVG's unit is a point, and paper wants 300 dots an inch
  const packed = document.getElementById("figure-tables")?.textContent;
  let tables = null;

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  function saveText(text, name) {
    save(new Blob([text], { type: "text/csv;charset=utf-8" }), name);
  }

  function savePicture(canvas, name) {
    return new Promise((done) => { canvas.toBlob((blob) => { save(blob, name); done(); }, "image/png"); });
  }

  // Only this element on a sheet of its own size, so that "save as PDF" gives the figure, sharp and with its text as text.
  function print(element, { width, height }, name) {
    const [place, sheet, size] = [new Comment(), document.createElement("div"), document.createElement("style")];
    const title = document.title;
    sheet.id = "sheet";
    size.textContent = `@page { size: ${width.toFixed(1)}pt ${height.toFixed(1)}pt; margin: 0 }`;
    element.replaceWith(place);
    sheet.append(element);
    document.body.append(sheet, size);
    document.body.classList.add("one-figure");
    document.title = name; // browsers offer it as the name of the file
    window.addEventListener("afterprint", () => {
      document.title = title;
      document.body.classList.remove("one-figure");
      place.replaceWith(element);
      sheet.remove();
      size.remove();
    }, { once: true });
    window.print();
  }

  // A line of buttons below a figure; what it offers is made when it is asked for.
  function offer(figure, title, makers) {
    const line = document.createElement("p");
    line.className = "files";
    for (const [kind, make] of Object.entries(makers)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = kind;
      button.setAttribute("aria-label", `${title} as ${kind}`);
      button.addEventListener("click", make);
      line.append(button);
    }
    figure.append(line);
  }

  // What the page's style sheet says to a figure, in the colours of paper, whether the page is light or dark.
  function styleOfPaper() {
    const paper = document.createElement("i");
    paper.className = "paper";
    document.body.append(paper);
    const look = getComputedStyle(paper);
    const names = ["--reference", "--generated"].map((name) => `${name}: ${look.getPropertyValue(name)}`);
    const style = `svg { color: ${look.color}; ${names.join("; ")} }
      svg * { stroke-linejoin: round }
      text { font-family: ${look.fontFamily} !important }`;
    paper.remove();
    return style;
  }

  function standalone(svg, width, height) {
    const copy = svg.cloneNode(true);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = styleOfPaper();
    copy.prepend(style);
    return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  }

  async function paint(svg) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(svg.viewBox.baseVal.width * PIXELS);
    canvas.height = Math.round(svg.viewBox.baseVal.height * PIXELS);
    const image = new Image();
    image.src = standalone(svg, canvas.width, canvas.height);
    await image.decode();
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0);
    return canvas;
  }

  async function tableOf(name) {
    tables ??= (async () => {
      const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
      return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
    })();
    return (await tables)[name];
  }

  for (const figure of document.querySelectorAll("figure[data-name]")) {
    const { name } = figure.dataset;
    const svg = figure.querySelector("svg");
    const makers = {
      PNG: async () => savePicture(await paint(svg), `${name}.png`),
      PDF: () => print(svg, svg.viewBox.baseVal, name),
    };
    if ("table" in figure.dataset) makers.CSV = async () => saveText(await tableOf(name), `${name}.csv`);
    offer(figure, svg.getAttribute("aria-label") || name, makers);
  }

  return { offer, print, savePicture, saveText };
})();
