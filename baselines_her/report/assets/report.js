"use strict";
// Draws the curves of the runs in the element #data.  Text of runs is only ever set as
// text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const pick = (id) => document.getElementById(id);
  const style = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const COLOURS = ["#2f6fde", "#d9601a", "#2a9d52", "#a63fbf", "#c7282f", "#8a6d1d",
    "#138a8a", "#d04a92", "#5b5bd6", "#6b7280"];
  const MOST_NAMES = 20; // in a legend
  const TERM = "reward/"; // columns of an environment's terms of reward
  const UNITS = { "time/total": 60 };
  const TITLES = { "steps/env": "environment steps", "time/total": "minutes",
    "steps/updates": "updates" };
  const groups = [...new Set(data.runs.map((run) => run.group))];
  const columns = [...new Set(data.runs.flatMap((run) => Object.keys(run.columns)))]
    .filter((name) => !data.axes.includes(name) && name !== "epoch");
  const terms = columns.filter((name) => name.startsWith(TERM));

  function option(select, value, text) {
    const item = document.createElement("option");
    item.value = value;
    item.textContent = text;
    select.appendChild(item);
  }

  // An exponential mean that starts with the first value; gaps stay gaps.
  function smoothed(values, weight) {
    let mean = null;
    return values.map((value) => {
      if (value === null) return null;
      mean = mean === null ? value : weight * mean + (1 - weight) * value;
      return mean;
    });
  }

  function xOf(run, axis) {
    const unit = UNITS[axis] || 1;
    return (run.columns[axis] || []).map((value) => value / unit);
  }

  function curves(column, axis, weight) {
    return data.runs
      .filter((run) => run.columns[column] && run.columns[axis])
      .map((run) => ({ name: run.name, group: run.group, x: xOf(run, axis),
        y: smoothed(run.columns[column], weight) }));
  }

  function at(curve, x) {
    const n = curve.x.findIndex((value) => value >= x);
    if (n < 0 || x < curve.x[0]) return null;
    if (n === 0 || curve.x[n] === x) return curve.y[n];
    const [x0, x1] = [curve.x[n - 1], curve.x[n]];
    const [y0, y1] = [curve.y[n - 1], curve.y[n]];
    if (y0 === null || y1 === null) return null;
    return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
  }

  // The mean of the seeds of each group, where at least half of them have a value.
  function joined(found) {
    return groups.filter((group) => found.some((c) => c.group === group)).map((group) => {
      const members = found.filter((curve) => curve.group === group);
      const grid = [...new Set(members.flatMap((curve) => curve.x))].sort((a, b) => a - b);
      const y = grid.map((x) => {
        const values = members.map((curve) => at(curve, x)).filter((v) => v !== null);
        if (2 * values.length < members.length) return null;
        return values.reduce((sum, value) => sum + value, 0) / values.length;
      });
      const many = members.length > 1 ? `${members.length} seeds` : members[0].name;
      return { name: group ? `${group} (${many})` : many, group, x: grid, y };
    });
  }

  // A chart for each group: the means over its seeds of all terms of the reward.
  function drawTerms(axis, weight) {
    pick("terms").replaceChildren();
    pick("terms").parentElement.hidden = !terms.length;
    for (const group of groups) {
      const found = terms.flatMap((column) =>
        joined(curves(column, axis, weight).filter((curve) => curve.group === group))
          .map((curve) => ({ ...curve, name: column.slice(TERM.length) })));
      if (!found.length) continue;
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = group;
      const place = document.createElement("div");
      figure.append(place, caption);
      pick("terms").appendChild(figure);
      draw(place, found, "sum over an episode", axis, 360, true, (curve, n) => n);
    }
  }

  function draw(place, found, column, axis, height, hasLegend, indexOf = index) {
    place.replaceChildren();
    if (!found.length) return;
    const tables = found.map((curve) => [curve.x, curve.y]);
    const series = found.map((curve, n) => ({
      label: curve.name, stroke: COLOURS[indexOf(curve, n) % COLOURS.length], width: 2,
      dash: indexOf(curve, n) < COLOURS.length ? [] : [6, 4], spanGaps: true,
    }));
    const ink = style("--ink"), line = style("--line");
    const sides = [{ label: TITLES[axis], size: 36 }, { label: column, size: 60 }];
    const axes = sides.map((side) => ({
      ...side, stroke: ink, grid: { stroke: line }, ticks: { stroke: line },
      values: (plot, values) => values.map(short),
    }));
    const dash = (plot, n) => (plot.series[n].dash?.length ? "dashed" : "solid");
    const legend = { show: hasLegend && found.length <= MOST_NAMES, live: false,
      markers: { dash } };
    const options = { width: place.clientWidth, height, series: [{ label: axis }, ...series],
      axes, scales: { x: { time: false } }, legend };
    new uPlot(options, uPlot.join(tables), place);
  }

  function index(curve, n) {
    return pick("join").checked ? groups.indexOf(curve.group) : n;
  }

  function short(value) {
    const size = Math.abs(value);
    if (size >= 1e6) return `${+(value / 1e6).toPrecision(4)}M`;
    if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)}k`;
    return `${+value.toPrecision(4)}`;
  }

  function redraw() {
    const axis = pick("axis").value, weight = +pick("smooth").value;
    const shown = (column) => {
      const found = curves(column, axis, weight);
      return pick("join").checked ? joined(found) : found;
    };
    const column = pick("column").value;
    draw(pick("chart"), shown(column), column, axis, 360, true);
    pick("panels").replaceChildren();
    for (const name of data.panels.filter((panel) => panel !== column)) {
      const place = document.createElement("div");
      pick("panels").appendChild(place);
      draw(place, shown(name), name, axis, 220, false);
    }
    drawTerms(axis, weight);
  }

  columns.forEach((name) => option(pick("column"), name, name));
  data.axes.forEach((name) => option(pick("axis"), name, TITLES[name]));
  if (data.panels.length) pick("column").value = data.panels[0];
  pick("choices").addEventListener("change", redraw);
  pick("smooth").addEventListener("input", redraw);
  pick("choices").addEventListener("submit", (event) => event.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) redraw();
    width = innerWidth;
  });
  redraw();
})();
