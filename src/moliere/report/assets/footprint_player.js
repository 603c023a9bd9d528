// Plays the traces of two showers on the ground: a disc a station grows and shrinks with the signal of each time bin.
(() => {
  const root = document.getElementById("footprint-player");
  const data = JSON.parse(document.getElementById("footprint-data").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const time = part("time"), choice = part("choice"), play = part("play");
  const nBins = data.pairs[0].showers[0].traces.concat(data.pairs[0].showers[1].traces)[0].length;
  const chosen = [0, 0];
  let timer = null;
  time.max = nBins - 1;

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const radius = (signal) => 6 * Math.sqrt(Math.log10(1 + signal));
  const showers = () => data.pairs[choice.value].showers;

  // from km on the ground to pixels, the same for both showers, y upwards
  function scale(width, height) {
    const xs = data.stations.map((at) => at[0]), ys = data.stations.map((at) => at[1]);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const size = Math.min((width - 40) / (right - left || 1), (height - 40) / (high - low || 1));
    return ([x, y]) => [width / 2 + (x - (left + right) / 2) * size, height / 2 - (y - (low + high) / 2) * size];
  }

  // a canvas of the size that the page gives it, sharp on any screen
  function pen(canvas) {
    const { width, height } = canvas.getBoundingClientRect(), sharp = window.devicePixelRatio || 1;
    canvas.width = width * sharp;
    canvas.height = height * sharp;
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    return { context, width, height, ink: getComputedStyle(root).color };
  }

  function colour(at, latest, fallback) {
    if (at === null) return fallback;
    return data.colours[Math.min(data.colours.length - 1, Math.floor((at / (latest || 1)) * data.colours.length))];
  }

  function circle(context, [x, y], r) {
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
  }

  function drawGround(side) {
    const { context, width, height, ink } = pen(part(`ground-${side}`));
    const place = scale(width, height), shower = showers()[side], bin = Number(time.value);
    const latest = Math.max(...showers().flatMap((one) => one.times.filter((at) => at !== null)), 0);
    context.globalAlpha = 0.35;
    context.strokeStyle = context.fillStyle = ink;
    for (const at of data.stations) { circle(context, place(at), 1.2); context.fill(); }
    context.globalAlpha = 1;
    shower.stations.forEach((station, k) => {
      const at = place(data.stations[station]);
      context.strokeStyle = context.fillStyle = colour(shower.times[k], latest, ink);
      circle(context, at, radius(sum(shower.traces[k])));
      context.stroke();
      circle(context, at, radius(shower.traces[k][bin]));
      context.fill();
      if (k === chosen[side]) { context.strokeStyle = ink; circle(context, at, radius(sum(shower.traces[k])) + 3); context.stroke(); }
    });
  }

  function drawTrace(side) {
    const { context, width, height, ink } = pen(part(`trace-${side}`));
    const trace = showers()[side].traces[chosen[side]];
    if (!trace) return;
    const top = Math.max(...trace, 1e-9), step = width / nBins, bin = Number(time.value);
    context.fillStyle = ink;
    trace.forEach((signal, k) => {
      context.globalAlpha = k === bin ? 1 : 0.4;
      const tall = (height - 16) * (signal / top);
      context.fillRect(k * step, height - tall, step - 0.5, tall);
    });
    context.globalAlpha = 1;
    context.font = "11px sans-serif";
    context.fillText(`up to ${top.toPrecision(3)} ${data.unit} in ${data.bin_width} ns`, 0, 11);
  }

  function draw() {
    part("words").textContent = `${Number(time.value) * data.bin_width} ns`;
    for (const side of [0, 1]) { drawGround(side); drawTrace(side); }
  }

  function chooseHottest() {
    showers().forEach((shower, side) => {
      const totals = shower.traces.map(sum);
      chosen[side] = totals.indexOf(Math.max(...totals));
    });
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  }

  play.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (Number(time.value) >= nBins - 1) time.value = 0;
    play.textContent = "stop";
    timer = setInterval(() => {
      time.value = Number(time.value) + 1;
      if (Number(time.value) >= nBins - 1) stop();
      draw();
    }, 80);
  });
  time.addEventListener("input", draw);
  choice.addEventListener("change", () => { chooseHottest(); draw(); });
  for (const side of [0, 1]) {
    const canvas = part(`ground-${side}`);
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect(), place = scale(box.width, box.height);
      const from = ([x, y]) => Math.hypot(x - (event.clientX - box.left), y - (event.clientY - box.top));
      const distances = showers()[side].stations.map((station) => from(place(data.stations[station])));
      if (distances.length) chosen[side] = distances.indexOf(Math.min(...distances));
      draw();
    });
  }
  window.addEventListener("resize", draw);
  chooseHottest();
  draw();
})();
