"use strict";
// In: the results as JSON in the element #data, tables and pictures in elements that it names and that are read when they are looked at.
// Out: linked views of them. Names from data and studies only ever become text.
(() => {
  const $ = (id) => document.getElementById(id);
  const read = (id) => JSON.parse($(id).textContent);
  const D = read("data");
  const make = (tag, text, attributes) => {
    const e = document.createElement(tag);
    if (text !== undefined && text !== null) e.textContent = text;
    for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
    return e;
  };
  const show = (v) => (typeof v !== "number" ? String(v) : Number.isInteger(v) ? String(v) : String(+v.toPrecision(6)));
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // After Okabe and Ito (2008), colours that stay apart for colour-blind readers; the shape tells the index, too. Those of the theme
  // are in the style, and asked for once.
  const shade = (index) => `--i${Math.min(index, 6)}`;
  let palette = [];
  const repaint = () => { palette = [0, 1, 2, 3, 4, 5, 6].map((k) => css(shade(k))); };
  repaint();
  const color = (index) => palette[Math.min(index, 6)];
  const NAMES = ["minimum", "saddle of index 1"];
  const kind = (index) => NAMES[index] || `point of index ${index}`;

  // ---- Summary ----
  const S = D.summary;
  const fact = (name, value, level) => {
    const box = make("div", null, { class: "fact" });
    box.append(make("b", value), make("span", name));
    if (level) box.append(make("span", level, { class: `level ${level}`, title: `claim level: ${level}` }));
    $("facts").append(box);
  };
  const levels = S.levels || {};
  $("subtitle").textContent = [S.kind, S.dimension === undefined ? "" : `${S.dimension} dimension${S.dimension === 1 ? "" : "s"}`, `smale ${S.version}`].filter(Boolean).join(" · ");
  if (S.counts) fact("critical points by index", S.counts.join(" / "), levels.critical_points);
  if (S.completeness !== undefined) fact("completeness", typeof S.completeness === "string" ? S.completeness : "estimated", levels.completeness);
  if (S.edges !== undefined) fact(`connections${S.proven_edges === undefined ? "" : ` (${S.proven_edges} proven)`}`, show(S.edges), levels.connections);
  if (S.morse_smale !== undefined) fact(`Morse-Smale${S.morse_smale_reason ? `: ${S.morse_smale_reason}` : ""}`, S.morse_smale === true ? "yes" : S.morse_smale === false ? "no" : "unknown");
  if (S.euler_characteristic !== undefined) fact(`Euler characteristic (region: ${S.euler_expected === undefined || S.euler_expected === null ? "unknown" : S.euler_expected})`, show(S.euler_characteristic));
  if (S.degenerate) fact("degenerate points", show(S.degenerate));
  if (S.continuation && S.continuation.cuts !== undefined) fact(`cuts along ${S.continuation.parameter || "the parameter"}, ${S.continuation.unexplained_cuts || 0} unexplained`, show(S.continuation.cuts), levels.continuation);
  if (S.shortfall) fact("fell short", S.shortfall);
  if (S.interrupted) fact("interrupted", "yes");
  if (S.checks && S.checks.length) {
    const list = make("ul");
    for (const c of S.checks) list.append(make("li", `${String(c.name).replaceAll("_", " ")}: ${c.detail}`, c.passed ? {} : { class: "failed" }));
    $("checks").append(list);
  }

  // ---- What is shown: the graph of the study, or that of an interval of the parameter ----
  let nodes = [], edges = [], position = [], chosen = null;
  const byId = new Map();
  const own = D.graph && { nodes: D.graph.nodes, edges: D.graph.links };
  const intervals = (D.itinerary && D.itinerary.intervals) || [];
  const take = (graph) => {
    nodes = graph.nodes;
    edges = graph.edges;
    byId.clear();
    nodes.forEach((n, i) => byId.set(n.id, i));
    position = layout();
    if (chosen !== null && !byId.has(chosen)) chosen = null;
    axes();
    picked();
    [connections, portrait].forEach((v) => v.fit());
    detail();
  };

  // Energy upwards. Minima stand in the order in which they merge as the energy rises, saddles in the middle of what they lead to.
  const layout = () => {
    const value = nodes.map((n) => (Number.isFinite(n.energy) ? n.energy : n.index));
    const down = nodes.map(() => []);
    for (const e of edges) if (byId.has(e.source) && byId.has(e.target)) down[byId.get(e.source)].push(byId.get(e.target));
    const root = nodes.map((_, i) => i), members = nodes.map((_, i) => [i]);
    const find = (i) => { while (root[i] !== i) i = root[i] = root[root[i]]; return i; };
    const saddles = nodes.map((_, i) => i).filter((i) => nodes[i].index === 1).sort((a, b) => value[a] - value[b] || a - b);
    for (const s of saddles) {
      const ends = [...new Set(down[s].map(find))];
      for (const e of ends.slice(1)) {
        const a = find(ends[0]), b = find(e);
        if (a === b) continue;
        const [large, small] = members[a].length >= members[b].length ? [a, b] : [b, a];
        root[small] = large;
        members[large] = large === a ? members[a].concat(members[b]) : members[large].concat(members[small]);
      }
    }
    const x = nodes.map(() => NaN);
    let place = 0;
    nodes.forEach((n, i) => { if (n.index === 0 && find(i) === i) for (const m of members[i]) x[m] = place++; });
    const highest = nodes.reduce((m, n) => Math.max(m, n.index), 0);
    for (let k = 1; k <= highest; k++) {
      const level = nodes.map((_, i) => i).filter((i) => nodes[i].index === k);
      for (const i of level) {
        const below = down[i].map((j) => x[j]).filter(Number.isFinite);
        x[i] = below.length ? below.reduce((a, b) => a + b, 0) / below.length : place++;
      }
    }
    // Points that would cover each other stand side by side.
    const low = Math.min(...value), range = Math.max(...value) - low || 1, width = Math.max(place - 1, 1), taken = new Map();
    return nodes.map((_, i) => {
      const at = Number.isFinite(x[i]) ? x[i] : place++;
      const cell = `${Math.round((60 * at) / width)} ${Math.round((60 * (value[i] - low)) / range)}`, before = taken.get(cell) || 0;
      taken.set(cell, before + 1);
      return [at + (before % 2 ? 1 : -1) * Math.ceil(before / 2) * (width / 50), value[i]];
    });
  };

  // Axes of the portrait by their names, each a function of a state and its energy: those of the projection, coordinates, the energy.
  const values = new Map();
  const projected = () => ((nodes === (own && own.nodes) ? D.graph : D.itinerary) || {}).axes || [];
  const along = (of) => {
    if (Array.isArray(of)) return (x) => of.reduce((sum, w, i) => sum + w * x[i], 0);
    if (of.direction) return (x) => of.direction.reduce((sum, w, i) => sum + w * (x[i] - of.mean[i]), 0);
    if (of === "norm") return (x) => Math.hypot(...x);
    if (of === "energy") return (_, energy) => (Number.isFinite(energy) ? energy : 0);
    const i = parseInt(of.slice(2), 10);
    return (x) => x[i];
  };
  const axes = () => {
    const d = nodes.length ? nodes[0].x.length : 0;
    values.clear();
    for (const { name, of } of projected()) values.set(name, along(of));
    for (let i = 0; i < Math.min(d, 64); i++) values.set(`x${i}`, (x) => x[i]);
    values.set("energy", along("energy"));
    const names = [...values.keys()];
    [$("abscissa"), $("ordinate")].forEach((select, k) => {
      const before = select.value;
      select.replaceChildren(...names.map((name) => make("option", name, { value: name })));
      // The first two are the projection, or the plane itself; on a line the energy is the second.
      select.value = names.includes(before) ? before : names[Math.min(k, names.length - 1)];
    });
  };
  // ---- A view: a canvas that is moved, zoomed, and asked for its points ----
  const corners = (index) => [null, 4, 3, 4, 5, 6][index] === undefined ? 8 : [null, 4, 3, 4, 5, 6][index];
  const view = (canvas, at, lines) => {
    let scale = [1, 1], shift = [0, 0], raf = 0, spots = [];
    const spot = (i) => spots[i];
    const size = () => [canvas.clientWidth || 400, canvas.clientHeight || 400];
    const pixel = ([x, y]) => [x * scale[0] + shift[0], y * scale[1] + shift[1]];
    const fit = () => {
      const [w, h] = size(), all = nodes.map((_, i) => at(i));
      spots = all;
      const range = (k) => { let a = Infinity, b = -Infinity; for (const p of all) { a = Math.min(a, p[k]); b = Math.max(b, p[k]); } return a <= b ? [a, b] : [0, 1]; };
      const [x, y] = [range(0), range(1)];
      const side = (r, length) => (length - 60) / (r[1] - r[0] || 1);
      scale = [side(x, w), -side(y, h)];
      shift = [x[1] > x[0] ? 30 - x[0] * scale[0] : w / 2 - x[0] * scale[0], y[1] > y[0] ? h - 30 - y[0] * scale[1] : h / 2 - y[0] * scale[1]];
      redraw();
    };
    const redraw = () => { if (!raf) raf = requestAnimationFrame(draw); };
    const marker = (g, [x, y], index, r) => {
      g.beginPath();
      const n = corners(index);
      if (!n) g.arc(x, y, r, 0, 7);
      else for (let k = 0; k < n; k++) { const t = (2 * Math.PI * (k + (n === 4 && index === 1 ? 0.5 : 0))) / n - Math.PI / 2; g.lineTo(x + 1.2 * r * Math.cos(t), y + 1.2 * r * Math.sin(t)); }
      g.closePath();
      g.fill();
      g.stroke();
    };
    const draw = () => {
      raf = 0;
      const [w, h] = size(), ratio = devicePixelRatio || 1;
      if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
      const g = canvas.getContext("2d");
      g.setTransform(ratio, 0, 0, ratio, 0, 0);
      g.clearRect(0, 0, w, h);
      const selected = chosen === null ? -1 : byId.get(chosen);
      lines(g, pixel, selected, spot);
      const r = nodes.length > 400 ? 2.5 : nodes.length > 80 ? 4 : 6;
      g.strokeStyle = css("--paper");
      g.lineWidth = 1;
      nodes.forEach((n, i) => { g.fillStyle = color(n.index); marker(g, pixel(spots[i]), n.index, r); });
      g.fillStyle = css("--ink");
      g.font = "11px Helvetica, Arial, sans-serif";
      if (nodes.length <= 60) nodes.forEach((n, i) => { const [x, y] = pixel(spots[i]); g.fillText(n.id, x + r + 2, y - r); });
      if (selected >= 0) {
        g.strokeStyle = css("--alarm");
        g.lineWidth = 2.5;
        const [x, y] = pixel(spots[selected]);
        g.beginPath(); g.arc(x, y, r + 5, 0, 7); g.stroke();
      }
    };
    const nearest = (px, py) => {
      let best = -1, least = 15 * 15;
      nodes.forEach((_, i) => { const [x, y] = pixel(spots[i]), d = (x - px) ** 2 + (y - py) ** 2; if (d < least) { least = d; best = i; } });
      return best;
    };
    const zoom = (factor, px, py) => {
      shift = [px - (px - shift[0]) * factor, py - (py - shift[1]) * factor];
      scale = scale.map((s) => s * factor);
      redraw();
    };
    let from = null;
    canvas.addEventListener("pointerdown", (e) => { from = [e.offsetX, e.offsetY, false]; try { canvas.setPointerCapture(e.pointerId); } catch { /* it has gone already */ } });
    canvas.addEventListener("pointermove", (e) => {
      if (!from) return;
      const [dx, dy] = [e.offsetX - from[0], e.offsetY - from[1]];
      if (!from[2] && Math.hypot(dx, dy) < 4) return;
      shift = [shift[0] + dx, shift[1] + dy];
      from = [e.offsetX, e.offsetY, true];
      redraw();
    });
    canvas.addEventListener("pointerup", (e) => {
      const moved = from && from[2];
      from = null;
      if (moved) return;
      const i = nearest(e.offsetX, e.offsetY);
      if (i >= 0) choose(nodes[i].id);
    });
    canvas.addEventListener("wheel", (e) => { e.preventDefault(); zoom(Math.exp(-e.deltaY / 400), e.offsetX, e.offsetY); }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key], [w, h] = size();
      if (step && nodes.length) {
        const here = chosen === null ? (step > 0 ? -1 : 0) : byId.get(chosen);
        choose(nodes[(here + step + nodes.length) % nodes.length].id);
      } else if (e.key === "+" || e.key === "-") zoom(e.key === "+" ? 1.3 : 1 / 1.3, w / 2, h / 2);
      else if (e.key === "0") fit();
      else return;
      e.preventDefault();
    });
    addEventListener("resize", () => fit());
    return { fit, redraw, pixel: (i) => pixel(spots[i]) };
  };
  const touches = (e, selected) => selected >= 0 && (byId.get(e.source) === selected || byId.get(e.target) === selected);
  const straight = (g, pixel, selected, spot) => {
    for (const own of [false, true]) {
      g.strokeStyle = own ? css("--alarm") : css("--soft");
      g.lineWidth = own ? 2 : 1;
      g.globalAlpha = own ? 1 : edges.length > 1000 ? 0.25 : 0.6;
      g.beginPath();
      for (const e of edges) {
        if (touches(e, selected) !== own) continue;
        const [a, b] = [byId.get(e.source), byId.get(e.target)];
        if (a === undefined || b === undefined) continue;
        g.moveTo(...pixel(spot(a))); g.lineTo(...pixel(spot(b)));
      }
      g.stroke();
    }
    g.globalAlpha = 1;
  };
  const inLayout = (i) => position[i];
  let shown = ["", ""];
  const inSpace = (i) => shown.map((axis) => values.get(axis)(nodes[i].x, nodes[i].energy));
  const connections = view($("connections"), inLayout, straight);
  // Orbits of the study's own graph, read when they are first drawn: each a connection's number, its points with their energies, and
  // whether these are states or, where there are too many coordinates to write, places in the projection.
  let orbits = null;
  const readOrbits = () => {
    const table = (name, keep, number, piece, energy) => {
      const source = D.tables.find((t) => t.name === name), found = [];
      let last = "";
      for (const line of source ? read(source.text).split("\n").slice(1) : []) {
        const f = line.split(",");
        if (!keep(f)) continue;
        const of = `${f[number]} ${piece < 0 ? "" : f[piece]}`;
        if (of !== last) found.push([+f[number], []]);
        last = of;
        found[found.length - 1][1].push([f[energy] === "" ? NaN : +f[energy], f.slice(energy + 1).map(Number)]);
      }
      return found;
    };
    const states = table("orbits.csv", (f) => f.length > 3, 0, -1, 2);
    return states.length ? { flat: false, all: states } : { flat: true, all: table("projection.csv", (f) => f[0] === "connection", 1, 2, 3) };
  };
  const portrait = view($("portrait"), inSpace, (g, pixel, selected, spot) => {
    if (!own || nodes !== own.nodes) return straight(g, pixel, selected, spot);
    orbits = orbits || readOrbits();
    const names = projected().map((axis) => axis.name);
    const value = (axis) => {
      if (!orbits.flat || axis === "energy") return values.get(axis);
      const k = names.indexOf(axis);
      return k < 0 ? null : (place) => place[k];
    };
    const [a, b] = shown.map(value);
    if (!orbits.all.length || !a || !b) return straight(g, pixel, selected, spot);
    for (const own of [false, true]) {
      g.strokeStyle = own ? css("--alarm") : css("--soft");
      g.lineWidth = own ? 2 : 1;
      g.beginPath();
      for (const [number, orbit] of orbits.all) {
        const e = edges[number];
        if ((e ? touches(e, selected) : false) !== own) continue;
        orbit.forEach(([energy, x], k) => { const p = pixel([a(x, energy), b(x, energy)]); if (k) g.lineTo(...p); else g.moveTo(...p); });
      }
      g.stroke();
    }
  });
  const picked = () => { shown = [$("abscissa").value, $("ordinate").value]; };
  ["abscissa", "ordinate"].forEach((id) => $(id).addEventListener("change", () => { picked(); portrait.fit(); }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { repaint(); [connections, portrait].forEach((v) => v.redraw()); });

  // ---- The chosen point ----
  const choose = (id) => {
    chosen = byId.has(id) ? id : null;
    [connections, portrait].forEach((v) => v.redraw());
    detail();
    mark();
  };
  const SVG = "http://www.w3.org/2000/svg";
  const spectrum = (values) => {
    const svg = document.createElementNS(SVG, "svg"), w = 260, h = 90;
    svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Hessian spectrum: ${values.length} eigenvalues from ${show(values[0])} to ${show(values[values.length - 1])}`);
    const top = Math.max(0, ...values), bottom = Math.min(0, ...values), y = (v) => 5 + ((h - 10) * (top - v)) / (top - bottom || 1), step = w / values.length;
    values.forEach((v, i) => {
      const bar = document.createElementNS(SVG, "rect");
      const geometry = { x: i * step, y: Math.min(y(v), y(0)), width: Math.max(step - (step > 3 ? 1 : 0), 0.5), height: Math.max(Math.abs(y(v) - y(0)), 0.5), style: `fill:var(${v < 0 ? "--alarm" : "--i0"})` };
      for (const [k, a] of Object.entries(geometry)) bar.setAttribute(k, a);
      svg.append(bar);
    });
    return svg;
  };
  const picture = (x) => {
    const [rows, columns] = D.image, canvas = make("canvas", null, { role: "img", "aria-label": "The point as an image", style: "width:120px;image-rendering:pixelated" });
    canvas.width = columns; canvas.height = rows;
    const g = canvas.getContext("2d"), image = g.createImageData(columns, rows), low = Math.min(...x), high = Math.max(...x);
    x.forEach((v, i) => { const grey = 255 * (1 - (v - low) / (high - low || 1)); image.data.set([grey, grey, grey, 255], 4 * i); });
    g.putImageData(image, 0, 0);
    return canvas;
  };
  const detail = () => {
    const box = $("attributes");
    box.replaceChildren();
    if (chosen === null) { $("chosen").textContent = "No point chosen"; return; }
    const n = nodes[byId.get(chosen)];
    $("chosen").textContent = `Point ${n.id}: ${kind(n.index)}, energy ${show(n.energy)}`;
    if (D.image && D.image[0] * D.image[1] === n.x.length) box.append(picture(n.x));
    const list = make("dl");
    const row = (k, v) => list.append(make("dt", k), make("dd", v));
    for (const [k, v] of Object.entries(n)) {
      if (["x", "eigenvalues", "id"].includes(k) || v === null || v === undefined) continue;
      row(k.replaceAll("_", " "), Array.isArray(v) ? v.map(show).join(", ") || "none" : show(v));
    }
    row("x", n.x.slice(0, 24).map(show).join(", ") + (n.x.length > 24 ? `, … (${n.x.length})` : ""));
    box.append(list);
    if (n.eigenvalues && n.eigenvalues.length) box.append(make("h3", "Hessian spectrum"), spectrum(n.eigenvalues));
    const links = (title, list, end) => {
      if (!list.length) return;
      box.append(make("h3", title));
      const ul = make("ul");
      for (const e of list.slice(0, 200)) {
        const other = nodes[byId.get(e[end])], li = make("li"), button = make("button", `point ${e[end]}`, { class: "link", type: "button" });
        button.addEventListener("click", () => choose(e[end]));
        li.append(button, document.createTextNode(other ? ` ${kind(other.index)}, energy ${show(other.energy)}${e.level ? `, ${e.level}` : ""}${e.count > 1 ? `, ${e.count} times` : ""}` : ""));
        ul.append(li);
      }
      box.append(ul);
    };
    links("Leads down to", edges.filter((e) => e.source === n.id), "target");
    links("Is reached from", edges.filter((e) => e.target === n.id), "source");
  };

  // ---- Along the parameter ----
  const cuts = (D.itinerary && D.itinerary.cuts) || [];
  const parameter = D.itinerary && D.itinerary.parameter;
  const go = (number) => {
    const i = intervals[number];
    $("slider").value = number;
    $("interval").textContent = `${parameter} from ${show(i.from)} to ${show(i.to)}: ${i.counts.join(" / ")} points, ${i.links.length} connections`;
    $("slider").setAttribute("aria-valuetext", $("interval").textContent);
    [...$("events").children].forEach((li, k) => { if (k === number - 1) li.setAttribute("aria-current", "true"); else li.removeAttribute("aria-current"); });
    take({ nodes: i.nodes, edges: i.links });
  };
  if (intervals.length) {
    $("along").hidden = false;
    $("slider").max = intervals.length - 1;
    $("slider").addEventListener("input", () => go(+$("slider").value));
    cuts.forEach((cut, k) => {
      const li = make("li"), at = show(cut[parameter]);
      const button = make("button", `${cut.kind} at ${parameter} = ${at}: ${(cut.words || []).join("; ") || cut.open || "nothing else changes"}`, { type: "button", class: "link" });
      button.addEventListener("click", () => go(k + 1));
      li.append(button);
      if (cut.level) li.append(make("span", cut.level, { class: `level ${cut.level}` }));
      $("events").append(li);
    });
  }

  // ---- Figures ----
  // What stands further down is made when it is about to be seen, or printed.
  const waiting = new Map();
  const now = (element) => {
    const act = waiting.get(element);
    waiting.delete(element);
    seen.unobserve(element);
    if (act) act();
  };
  const seen = new IntersectionObserver((all) => { for (const e of all) if (e.isIntersecting) now(e.target); }, { rootMargin: "200px" });
  const later = (element, act) => { waiting.set(element, act); seen.observe(element); };
  addEventListener("beforeprint", () => [...waiting.keys()].forEach(now));
  const draw = (figure, name, text) => {
    const url = URL.createObjectURL(new Blob([read(text)], { type: "image/svg+xml" }));
    figure.querySelector("img").src = url;
    const link = figure.querySelector("a");
    link.href = url;
    link.download = name;
  };
  for (const { name, text, words, table: beside } of D.figures) {
    $("figures").hidden = false;
    const figure = make("figure"), image = make("img", null, { alt: words }), caption = make("figcaption", `${words} `);
    caption.append(make("a", name));
    if (D.tables.some((t) => t.name === beside)) {
      const button = make("button", `its data: ${beside}`, { type: "button", class: "link" });
      button.addEventListener("click", () => { $("which").value = beside; open(beside); $("tables").scrollIntoView(); $("table").focus(); });
      caption.append(button);
    }
    figure.append(image, caption);
    $("gallery").append(figure);
    later(figure, () => draw(figure, name, text));
  }

  // ---- Tables ----
  const parse = (text) => {
    if (!text.includes('"')) return text.split("\n").filter((line) => line).map((line) => line.split(","));
    const rows = [];
    let row = [], field = "", quoted = false;
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      if (quoted) {
        if (c !== '"') field += c;
        else if (text[i + 1] === '"') { field += '"'; i++; } else quoted = false;
      } else if (c === '"') quoted = true;
      else if (c === "," || c === "\n") {
        row.push(field); field = "";
        if (c === "\n") { rows.push(row); row = []; }
      } else if (c !== "\r") field += c;
    }
    if (field || row.length) rows.push([...row, field]);
    return rows;
  };
  // Rows at a time: as many cells as are laid out at once.
  const PAGE = 200, CELLS = 4000;
  let table = null;
  const parsed = new Map();
  const open = (name) => {
    const source = D.tables.find((t) => t.name === name);
    if (!parsed.has(name)) { const rows = parse(read(source.text)); parsed.set(name, { name, head: rows[0] || [], rows: rows.slice(1) }); }
    table = { ...parsed.get(name), by: null, up: true, shown: Math.max(20, Math.min(PAGE, Math.round(CELLS / (parsed.get(name).head.length || 1)))) };
    fill();
  };
  const ordered = () => {
    const words = $("filter").value.toLowerCase();
    let rows = words ? table.rows.filter((r) => r.some((f) => f.toLowerCase().includes(words))) : table.rows.slice();
    if (table.by !== null) {
      const k = table.by, sign = table.up ? 1 : -1;
      const less = (a, b) => { const [x, y] = [parseFloat(a[k]), parseFloat(b[k])]; return Number.isNaN(x) || Number.isNaN(y) ? (Number.isNaN(x) ? 1 : 0) - (Number.isNaN(y) ? 1 : 0) || (a[k] < b[k] ? -1 : a[k] > b[k] ? 1 : 0) : x - y; };
      rows = rows.map((r, i) => [r, i]).sort((a, b) => sign * less(a[0], b[0]) || a[1] - b[1]).map((p) => p[0]);
    }
    return rows;
  };
  const fill = () => {
    const rows = ordered(), element = make("table"), head = make("tr"), body = make("tbody");
    element.append(make("caption", table.name, { class: "skip" }));
    table.head.forEach((name, k) => {
      const th = make("th", null, { scope: "col", "aria-sort": table.by === k ? (table.up ? "ascending" : "descending") : "none" });
      const button = make("button", name + (table.by === k ? (table.up ? " ▲" : " ▼") : ""), { type: "button" });
      button.addEventListener("click", () => { table.up = table.by === k ? !table.up : true; table.by = k; fill(); });
      th.append(button);
      head.append(th);
    });
    const points = table.head[0] === "id";
    for (const r of rows.slice(0, table.shown)) {
      const tr = make("tr");
      // What could be text may be of either direction.
      for (const f of r) tr.append(make("td", f, Number.isNaN(+f) ? { dir: "auto" } : null));
      if (points && own) {
        tr.dataset.id = r[0];
        tr.addEventListener("click", () => { if (intervals.length && nodes !== own.nodes) take(own); choose(+r[0]); });
        // For the keyboard; the click goes on to the row.
        tr.firstChild.replaceChildren(make("button", r[0], { type: "button", "aria-label": `choose point ${r[0]}` }));
      }
      body.append(tr);
    }
    const thead = make("thead");
    thead.append(head);
    element.append(thead, body);
    $("table").replaceChildren(element);
    if (rows.length > table.shown) {
      const more = make("button", "More rows", { type: "button" });
      more.addEventListener("click", () => { table.shown += 5 * PAGE; fill(); });
      $("table").append(more);
    }
    $("rows").textContent = `${rows.length} row${rows.length === 1 ? "" : "s"}`;
    mark();
  };
  const mark = () => { if (table) for (const tr of $("table").querySelectorAll("tr[data-id]")) if (+tr.dataset.id === chosen) tr.setAttribute("aria-current", "true"); else tr.removeAttribute("aria-current"); };
  const quoted = (f) => (/[",\n\r]/.test(f) ? `"${f.replaceAll('"', '""')}"` : f);
  if (D.tables.length) {
    $("tables").hidden = false;
    $("which").append(...D.tables.map((t) => make("option", t.name, { value: t.name })));
    $("which").addEventListener("change", () => open($("which").value));
    $("filter").addEventListener("input", () => table && fill());
    $("download").addEventListener("click", () => {
      if (!table) return;
      // What is seen: these rows, in this order.
      const text = [table.head, ...ordered()].map((r) => r.map(quoted).join(",")).join("\n") + "\n";
      const a = make("a", null, { download: table.name, href: URL.createObjectURL(new Blob([text], { type: "text/csv" })) });
      document.body.append(a); a.click(); a.remove();
    });
    later($("tables"), () => table || open(D.tables[0].name));
  }

  // ---- How it was made ----
  const made = make("dl");
  const said = { seed: S.seed, version: S.version, files: (S.files || []).join(", ") };
  for (const [k, v] of Object.entries(said)) if (v !== undefined) made.append(make("dt", k), make("dd", String(v)));
  $("how").append(made);
  if (S.study && S.study.text) {
    $("how").append(make("p", `To repeat it, save this as ${S.study.file || "study.toml"} where its data are and run: smale run ${S.study.file || "study.toml"}`), make("pre", S.study.text));
  }
  if (D.left_out && D.left_out.length) $("how").append(make("p", `Too large for this page, beside it in the folder: ${D.left_out.join(", ")}.`));

  if (own || intervals.length) {
    $("graph").hidden = false;
    const first = own || { nodes: intervals[0].nodes, edges: intervals[0].links };
    if (own) take(own); else go(0);
    const highest = first.nodes.reduce((m, n) => Math.max(m, n.index), 0);
    for (let k = 0; k <= highest; k++) {
      const mark = make("span", "●■▲◆⬟⬢"[k] || "●", { style: `color:var(${shade(k)})`, "aria-hidden": "true" });
      $("legend").append(mark, document.createTextNode(` ${kind(k)}   `));
    }
    if (own && intervals.length) {
      $("interval").textContent = "the graph of the study itself; move the slider for that of an interval";
    }
  }
  // For whoever drives the page.
  window.smale = {
    choose, go,
    state: () => ({
      chosen, nodes: nodes.length, edges: edges.length, ids: nodes.map((n) => n.id), axes: shown,
      pixel: nodes.map((_, i) => connections.pixel(i)), portrait: nodes.map((_, i) => portrait.pixel(i)),
      orbits: orbits && orbits.all.map(([number, points]) => [number, points.length]),
    }),
  };
})();
