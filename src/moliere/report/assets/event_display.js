// The report's 3-D event display: reference and generated event side by side, turned by one hand.
// Needs the globals THREE (three.bundle.min.js), eventCells (event_cells.js) and figureFiles (figure_files.js), and the
// JSON that report/event_display.py writes into the page.
"use strict";

(() => {
  const root = document.getElementById("event-display");
  if (!root) return;
  const data = JSON.parse(document.getElementById("event-display-data").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const { place, layerOf, boundsOf, buildMesh, showAbove } = eventCells;
  const SIDES = ["reference", "generated"];
  const DIRECTION = [-0.45, 0.42, 0.8]; // first look: from the front left, a little above

  const renderer = startRenderer(part("canvas"));
  if (!renderer) return;
  root.classList.add("alive");

  const camera = new THREE.PerspectiveCamera(28, 1, 1, 1e5);
  camera.add(new THREE.DirectionalLight(0xffffff, 1.6));
  const controls = new THREE.OrbitControls(camera, part("stage"));
  controls.enablePan = false;
  controls.enableZoom = false;              // the wheel scrolls the page until someone clicks into the display
  part("stage").style.touchAction = "pan-y"; // a finger turns sideways, and still scrolls the page
  const stages = SIDES.map((side) => ({ side, scene: new THREE.Scene(), cells: null, labels: [] }));
  for (const stage of stages) {
    stage.frame = new THREE.Group();
    stage.scene.add(new THREE.AmbientLight(0xffffff, 2.0), stage.frame);
  }
  let view = data.views[0];
  let current = 0;

  function startRenderer(canvas) {
    try {
      const made = new THREE.WebGLRenderer({ canvas, antialias: true });
      made.setPixelRatio(Math.min(window.devicePixelRatio, 2));
      made.setClearColor(0x0d1117);
      made.setScissorTest(true);
      return made;
    } catch (reason) {
      part("message").textContent = "This browser has no WebGL, so the events stand still.";
      return null;
    }
  }

  // ---- drawing ------------------------------------------------------------------------------------------------

  function buildFrame() {
    const positions = [];
    for (const line of view.outlines) {
      for (let k = 0; k + 1 < line.length; k += 1) positions.push(...place(...line[k]), ...place(...line[k + 1]));
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(positions), 3));
    return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: 0x6e7681 }));
  }

  function discard(object) {
    if (!object) return;
    object.removeFromParent();
    object.geometry.dispose();
    object.material.dispose();
  }

  function showEvent() {
    const event = data.events[current];
    for (const stage of stages) {
      discard(stage.cells);
      stage.cells = buildMesh(view.layers, event[stage.side], event.range, data.colours);
      stage.scene.add(stage.cells);
    }
    part("low").textContent = format(event.range[0]);
    part("high").textContent = format(event.range[1]);
    part("choice").value = String(current);
    showThreshold();
  }

  // The slider runs over the logarithm of the energy: everything at its left end, the brightest cell alone at its right.
  function threshold() {
    const slider = part("threshold");
    const { range, ...sides } = data.events[current];
    const high = Math.max(range[0], ...SIDES.map((side) => sides[side].energies.at(-1) ?? 0));
    const share = slider.valueAsNumber / slider.max;
    return share === 0 ? 0 : high * (range[0] / high) ** (1 - share);
  }

  function showThreshold() {
    const energy = threshold();
    const words = energy === 0 ? "0" : format(energy);
    part("threshold-words").textContent = words;
    part("threshold").setAttribute("aria-valuetext", words);
    for (const { side, cells } of stages) {
      part(`caption-${side}`).textContent = describe(cells.lit, showAbove(cells, energy), energy);
    }
    draw();
  }

  function describe(lit, n_hidden, energy) {
    if (energy > 0) {
      const shown = lit.energies.slice(n_hidden);
      return `${format(shown.reduce((sum, own) => sum + own, 0))} in ${shown.length} of ${lit.n_lit} cells`;
    }
    const drawn = lit.channels.length < lit.n_lit ? `, the ${lit.channels.length} brightest drawn` : "";
    return `${format(lit.total)} in ${lit.n_lit} cells${drawn}`;
  }

  function format(energy) {
    if (data.unit !== "MeV") return `${Number(energy.toPrecision(3))} ${data.unit}`;
    const [size, unit] = energy >= 1e6 ? [1e6, "TeV"] : energy >= 1e3 ? [1e3, "GeV"] : energy >= 1 ? [1, "MeV"] : [1e-3, "keV"];
    return `${Number((energy / size).toPrecision(3))} ${unit}`;
  }

  function showView() {
    for (const stage of stages) {
      stage.frame.children.slice().forEach(discard);
      stage.frame.add(buildFrame());
      stage.labels.forEach((label) => label.element.remove());
      stage.labels = view.labels.map(({ text, at }) => {
        const element = document.createElement("span");
        element.textContent = text;
        part("labels").append(element);
        return { element, at: new THREE.Vector3(...place(...at)) };
      });
    }
    lookFromFirst();
    showEvent();
  }

  function lookFromFirst() {
    const [low, high] = view.span;
    const radius = Math.hypot((high - low) / 2, view.reach);
    const narrow = Math.min(1, viewport(0).width / viewport(0).height);
    const distance = (0.92 * radius) / Math.sin((camera.fov * Math.PI) / 360) / narrow;
    controls.target.set((low + high) / 2, 0, 0);
    camera.position.set(...DIRECTION).normalize().multiplyScalar(distance).add(controls.target);
    camera.near = distance / 100;
    camera.far = distance * 10;
    controls.minDistance = distance / 100;
    controls.maxDistance = distance * 3;
    controls.update();
  }

  // Side by side where there is room, else one above the other.
  function viewport(index) {
    const { clientWidth: width, clientHeight: height } = part("stage");
    return width > 640
      ? { left: (index * width) / 2, top: 0, width: width / 2, height }
      : { left: 0, top: (index * height) / 2, width, height: height / 2 };
  }

  function draw() {
    const { clientHeight } = part("stage");
    stages.forEach((stage, index) => {
      const { left, top, width, height } = viewport(index);
      camera.aspect = width / height;
      camera.updateProjectionMatrix();
      stage.scene.add(camera); // carries the light into the scene that is drawn now
      renderer.setViewport(left, clientHeight - top - height, width, height);
      renderer.setScissor(left, clientHeight - top - height, width, height);
      renderer.render(stage.scene, camera);
      placeLabels(stage.labels, { left, top, width, height });
    });
  }

  // Labels outside the frame, and those that would cover the one before, are hidden.
  function placeLabels(labels, { left, top, width, height }) {
    let last = { x: -1e3, y: -1e3 };
    for (const { element, at } of labels) {
      const screen = at.clone().project(camera);
      const [x, y] = [((screen.x + 1) / 2) * width, ((1 - screen.y) / 2) * height];
      const covered = Math.abs(x - last.x) < 7 * element.textContent.length && Math.abs(y - last.y) < 14;
      element.hidden = covered || x < 0 || x > width || y < 0 || y > height - 14 || screen.z > 1;
      element.style.transform = `translate(${left + x}px, ${top + y}px) translate(-50%, 0)`;
      if (!element.hidden) last = { x, y };
    }
  }

  function resize() {
    const { clientWidth, clientHeight } = part("stage");
    renderer.setSize(clientWidth, clientHeight, false);
    draw();
  }

  // ---- files --------------------------------------------------------------------------------------------------

  // The picture as it stands, with what is written over it.
  function paint() {
    draw(); // WebGL forgets what it has drawn once it is on the screen
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [renderer.domElement.width, renderer.domElement.height];
    const pen = copy.getContext("2d");
    const scale = renderer.getPixelRatio();
    pen.drawImage(renderer.domElement, 0, 0);
    pen.scale(scale, scale);
    pen.fillStyle = "#e6edf3";
    pen.font = `13px ${getComputedStyle(root).fontFamily}`;
    stages.forEach(({ side }, index) => {
      const { left, top } = viewport(index);
      pen.fillText(`${side}: ${part(`caption-${side}`).textContent}`, left + 14, top + 24);
    });
    return copy;
  }

  function table() {
    const event = data.events[current];
    const rows = SIDES.flatMap((side) => event[side].channels.map((channel, k) => `${side},${channel},${event[side].energies[k]}`));
    return [`sample,channel,energy (${data.unit})`, ...rows, ""].join("\n");
  }

  async function print() {
    const image = new Image();
    image.src = paint().toDataURL("image/png");
    await image.decode();
    const { clientWidth: width, clientHeight: height } = part("stage");
    figureFiles.print(image, { width, height }, "event");
  }

  figureFiles.offer(root, "events", {
    PNG: () => figureFiles.savePicture(paint(), "event.png"),
    PDF: print,
    CSV: () => figureFiles.saveText(table(), "event.csv"),
  });

  // ---- hand and mouse -----------------------------------------------------------------------------------------

  // The brightest cell under the mouse, because that is the one seen.
  function cellUnder(x, y) {
    for (const [index, stage] of stages.entries()) {
      const { left, top, width, height } = viewport(index);
      if (x < left || x > left + width || y < top || y > top + height) continue;
      const ray = new THREE.Raycaster();
      camera.aspect = width / height;
      camera.updateProjectionMatrix();
      ray.setFromCamera(new THREE.Vector2(((x - left) / width) * 2 - 1, 1 - ((y - top) / height) * 2), camera);
      const hits = ray.intersectObject(stage.cells).map((hit) => stage.cells.owners[hit.faceIndex]);
      return hits.length ? { lit: stage.cells.lit, cell: Math.max(...hits) } : null;
    }
    return null;
  }

  function describeCell({ lit, cell }) {
    const layers = data.views[data.views.length - 1].layers; // the last view is the one to scale
    const layer = layerOf(layers, lit.channels[cell]);
    const { u, v } = boundsOf(layer, lit.channels[cell]);
    const names = layer.kind === "polar" ? ["α", "r"] : ["x", "y"];
    const degrees = u.map((edge) => Math.round((edge * 180) / Math.PI));
    const first = layer.kind === "polar" ? `${degrees.join(" to ")}°` : `${u.join(" to ")} mm`;
    return `${format(lit.energies[cell])} · ${layer.label}, ${names[0]} ${first}, ${names[1]} ${v.join(" to ")} mm`;
  }

  let waiting = false;
  function point(event) {
    if (waiting || event.buttons) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const box = part("stage").getBoundingClientRect();
      const found = cellUnder(event.clientX - box.left, event.clientY - box.top);
      part("message").textContent = found ? describeCell(found) : "";
    });
  }

  function step(by) {
    current = (current + by + data.events.length) % data.events.length;
    showEvent();
  }

  controls.addEventListener("change", draw);
  part("stage").addEventListener("focus", () => { controls.enableZoom = true; });
  part("stage").addEventListener("blur", () => { controls.enableZoom = false; });
  part("stage").addEventListener("pointermove", point);
  part("choice").addEventListener("change", (event) => { current = Number(event.target.value); showEvent(); });
  part("threshold").addEventListener("input", showThreshold);
  part("previous").addEventListener("click", () => step(-1));
  part("next").addEventListener("click", () => step(1));
  part("reset").addEventListener("click", () => { lookFromFirst(); draw(); });
  part("proportions")?.addEventListener("change", (event) => {
    view = data.views[event.target.checked ? 1 : 0];
    showView();
  });
  new ResizeObserver(resize).observe(part("stage"));
  showView();
  resize();
})();
