// The report's 3-D event display: reference and generated event side by side, turned by one hand.
// Needs the global THREE (three.bundle.min.js) and the JSON that report/event_display.py writes into the page.
// Detector coordinates (x, y, z) in mm, shower axis z, are drawn as (z, y, -x): the shower runs to the right.
"use strict";

(() => {
  const root = document.getElementById("event-display");
  if (!root) return;
  const data = JSON.parse(document.getElementById("event-display-data").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const CHORD = Math.PI / 12;          // sectors are drawn as chords of at most this angle
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

  // ---- geometry -----------------------------------------------------------------------------------------------

  const place = (x, y, z) => [z, y, -x];

  function layerOf(channel) {
    let position = view.layers.length - 1;
    while (view.layers[position].first > channel) position -= 1;
    return view.layers[position];
  }

  function cellOf(channel, layer) {
    const nv = layer.v.length - 1;
    const u = Math.floor((channel - layer.first) / nv);
    const v = (channel - layer.first) % nv;
    return { u: [layer.u[u], layer.u[u + 1]], v: [layer.v[v], layer.v[v + 1]], z: layer.z };
  }

  function corner(layer, u, v, z) {
    return layer.kind === "polar" ? place(v * Math.cos(u), v * Math.sin(u), z) : place(u, v, z);
  }

  // Two triangles a side; sides inside a ring segment that was cut into chords are left out.
  function addCell(positions, channel) {
    const layer = layerOf(channel);
    const { u, v, z } = cellOf(channel, layer);
    const turn = u[1] - u[0];
    const pieces = layer.kind === "polar" ? Math.ceil(turn / CHORD - 1e-9) : 1;
    const closed = layer.kind === "polar" && layer.u.length === 2;
    const quad = (a, b, c, d) => positions.push(...a, ...b, ...c, ...a, ...c, ...d);
    for (let k = 0; k < pieces; k += 1) {
      const edges = [u[0] + (turn * k) / pieces, u[0] + (turn * (k + 1)) / pieces];
      const at = (i, j, l) => corner(layer, edges[i], v[j], z[l]);
      quad(at(0, 0, 0), at(0, 1, 0), at(1, 1, 0), at(1, 0, 0));
      quad(at(0, 0, 1), at(0, 1, 1), at(1, 1, 1), at(1, 0, 1));
      quad(at(0, 1, 0), at(0, 1, 1), at(1, 1, 1), at(1, 1, 0));
      if (v[0] > 0 || layer.kind === "cartesian") quad(at(0, 0, 0), at(0, 0, 1), at(1, 0, 1), at(1, 0, 0));
      if (k === 0 && !closed) quad(at(0, 0, 0), at(0, 0, 1), at(0, 1, 1), at(0, 1, 0));
      if (k === pieces - 1 && !closed) quad(at(1, 0, 0), at(1, 0, 1), at(1, 1, 1), at(1, 1, 0));
    }
  }

  function colourAt(height) {
    const stops = data.colours;
    return new THREE.Color(stops[Math.round(height * (stops.length - 1))]);
  }

  // Cells come faintest first and write no depth: what is brightest shines through.
  function buildCells(lit, range) {
    const positions = [], colours = [], owners = [];
    lit.channels.forEach((channel, k) => {
      addCell(positions, channel);
      const height = Math.max(0, Math.log(lit.energies[k] / range[0]) / Math.log(range[1] / range[0]));
      const colour = colourAt(Math.min(1, height));
      while (owners.length < positions.length / 9) owners.push(k);
      while (colours.length < (positions.length / 3) * 4) {
        colours.push(colour.r, colour.g, colour.b, 0.05 + 0.6 * height ** 2);
      }
    });
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(positions), 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(colours), 4));
    geometry.computeVertexNormals();
    const material = new THREE.MeshLambertMaterial({
      vertexColors: true, transparent: true, depthWrite: false, side: THREE.DoubleSide, forceSinglePass: true,
    });
    return Object.assign(new THREE.Mesh(geometry, material), { owners, lit });
  }

  function buildFrame() {
    const positions = [];
    for (const line of view.outlines) {
      for (let k = 0; k + 1 < line.length; k += 1) positions.push(...place(...line[k]), ...place(...line[k + 1]));
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(positions), 3));
    return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: 0x6e7681 }));
  }

  // ---- drawing ------------------------------------------------------------------------------------------------

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
      stage.cells = buildCells(event[stage.side], event.range);
      stage.scene.add(stage.cells);
      part(`caption-${stage.side}`).textContent = describe(event[stage.side]);
    }
    part("low").textContent = format(event.range[0]);
    part("high").textContent = format(event.range[1]);
    part("choice").value = String(current);
    draw();
  }

  function describe(lit) {
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
    const layer = layers.findLast((candidate) => candidate.first <= lit.channels[cell]);
    const { u, v } = cellOf(lit.channels[cell], layer);
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
