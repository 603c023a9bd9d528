// Cells of a calorimeter as coloured solids: boxes, or ring segments cut into chords. Needs the global THREE.
// Detector coordinates (x, y, z) in mm, shower axis z, are drawn as (z, y, -x): the shower runs to the right.
"use strict";

const eventCells = (() => {
  const CHORD = Math.PI / 12; // sectors are drawn as chords of at most this angle

  const place = (x, y, z) => [z, y, -x];

  const layerOf = (layers, channel) => layers.findLast((layer) => layer.first <= channel);

  function boundsOf(layer, channel) {
    const nv = layer.v.length - 1;
    const u = Math.floor((channel - layer.first) / nv);
    const v = (channel - layer.first) % nv;
    return { u: [layer.u[u], layer.u[u + 1]], v: [layer.v[v], layer.v[v + 1]], z: layer.z };
  }

  function corner(layer, u, v, z) {
    return layer.kind === "polar" ? place(v * Math.cos(u), v * Math.sin(u), z) : place(u, v, z);
  }

  // Two triangles a side; sides inside a ring segment that was cut into chords are left out.
  function addCell(positions, layer, channel) {
    const { u, v, z } = boundsOf(layer, channel);
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

  // Cells come faintest first and write no depth: what is brightest shines through.
  function buildMesh(layers, lit, range, stops) {
    const positions = [], colours = [], owners = [];
    lit.channels.forEach((channel, k) => {
      addCell(positions, layerOf(layers, channel), channel);
      const height = Math.log(lit.energies[k] / range[0]) / Math.log(range[1] / range[0]);
      const shade = Math.min(1, Math.max(0, height));
      const colour = new THREE.Color(stops[Math.round(shade * (stops.length - 1))]);
      while (owners.length < positions.length / 9) owners.push(k);
      while (colours.length < (positions.length / 3) * 4) {
        colours.push(colour.r, colour.g, colour.b, 0.05 + 0.6 * shade ** 2);
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

  // Only cells of at least this energy: the faint ones come first, so they are skipped. Returns how many are left out.
  function showAbove(mesh, energy) {
    const { owners, lit } = mesh;
    const found = lit.energies.findIndex((own) => own >= energy);
    const first = found < 0 ? lit.energies.length : found;
    const triangle = owners.findIndex((cell) => cell >= first);
    mesh.geometry.setDrawRange(3 * (triangle < 0 ? owners.length : triangle), Infinity);
    return first;
  }

  return { place, layerOf, boundsOf, buildMesh, showAbove };
})();
