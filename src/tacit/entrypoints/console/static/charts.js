// Charts: each `figure[data-chart]` is drawn from the figures that the page names, and goes on with those it is told.
"use strict";

window.charts = (() => {
  const MOST_POINTS = 700;
  const drawn = new Map();
  let watcher = null;
  let loading = null;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const thin = "\u202f";
  function short(value, places) {
    const text = value.toFixed(places);
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  }
  const said = {
    rate: (value) => count(value),
    count: (value) => count(value),
    score: (value) => value.toFixed(2),
    seconds(value) {
      if (value >= 120) return value >= 7200 ? `${short(value / 3600, 1)}${thin}h` : `${short(value / 60, 1)}${thin}min`;
      if (value >= 1) return `${short(value, 2)}${thin}s`;
      return `${short(value * 1000, value < 0.01 ? 1 : 0)}${thin}ms`;
    },
    share: (value) => `${short(value * 100, value < 0.1 ? 2 : 1)}${thin}%`,
  };
  function count(value) {
    const size = Math.abs(value);
    if (size >= 1e6) return `${short(value / 1e6, 1)}${thin}m`;
    if (size >= 1e4) return `${short(value / 1e3, 1)}${thin}k`;
    return short(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
  }

  // What stands on top of what: each series becomes the sum of itself and those below it.
  function stacked(values) {
    const sums = values.map(() => []);
    for (let at = 0; at < (values[0]?.length ?? 0); at += 1) {
      let sum = 0;
      for (let n = values.length - 1; n >= 0; n -= 1) {
        sum += values[n][at] ?? 0;
        sums[n][at] = sum;
      }
    }
    return sums;
  }

  const isStack = (chart) => chart.spec.kind === "stack";
  const data = (chart) => [chart.at, ...(isStack(chart) ? stacked(chart.values) : chart.values)];

  function range(chart) {
    return (plot, least, most) => {
      const floor = { share: 0.02, seconds: 0.004, score: 1 }[chart.spec.unit] ?? 1;
      return [0, Math.max(floor, (Number.isFinite(most) ? most : 0) * 1.12)];
    };
  }

  function axes(chart) {
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const common = { stroke: ink("soft"), font, grid: { stroke: ink("grid"), width: 1 }, ticks: { show: false } };
    return [
      { ...common, grid: { show: false }, space: 64, size: 30, values: (plot, splits) => hours(splits) },
      { ...common, size: 54, space: 42, values: (plot, splits) => splits.map((each) => said[chart.spec.unit](each)) },
    ];
  }

  // Times of a day, and the day itself where it is another one than that before.
  function hours(splits) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 60;
    const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 ? { second: "2-digit" } : {}) };
    return splits.map((each, n) => {
      const at = new Date(each * 1000);
      if (step >= 86400 || (n && at.getDate() !== new Date(splits[n - 1] * 1000).getDate())) return at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
      return at.toLocaleTimeString("en-GB", form);
    });
  }

  function series(chart) {
    const many = chart.spec.series.length;
    return [{}, ...chart.spec.series.map((each) => {
      const colour = ink(each.colour);
      const fill = isStack(chart) ? soften(colour, 0.78) : chart.spec.kind === "area" ? shade(colour) : undefined;
      return { label: each.label, stroke: colour, width: isStack(chart) ? 0 : 1.8, fill, dash: each.dashed ? [5, 5] : undefined, spanGaps: false, points: { show: false }, paths: many > 4 ? undefined : window.uPlot.paths.spline?.() };
    })];
  }

  function shade(colour) {
    return (plot) => {
      const { top, height } = plot.bbox;
      const fading = plot.ctx.createLinearGradient(0, top, 0, top + height);
      fading.addColorStop(0, soften(colour, 0.32));
      fading.addColorStop(1, soften(colour, 0.02));
      return fading;
    };
  }

  function soften(colour, share) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    return `rgba(${red}, ${green}, ${blue}, ${share})`;
  }

  function options(chart, width, height) {
    const bands = isStack(chart) ? chart.spec.series.slice(1).map((each, n) => ({ series: [n + 1, n + 2] })) : undefined;
    return {
      width, height, bands, padding: [10, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, sync: { key: "console" }, points: { size: 8, width: 2 }, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: range(chart) } },
      axes: axes(chart), series: series(chart),
      hooks: { setCursor: [(plot) => point(chart, plot.cursor.idx)] },
    };
  }

  // The legend says what stands under the cursor, and what is so now where there is none.
  function point(chart, at) {
    const is = (values) => at === null || at === undefined ? last(values) : values[at];
    chart.figure.querySelectorAll(".legend li").forEach((each, n) => {
      each.querySelector("b").textContent = word(chart, is(chart.values[n]));
    });
  }

  const last = (values) => values.findLast((each) => each !== null && each !== undefined);
  const word = (chart, value) => value === null || value === undefined ? "\u2014" : said[chart.spec.unit](value);

  function tell(chart) {
    point(chart, null);
    chart.figure.querySelectorAll("tbody tr").forEach((row, n) => {
      const known = chart.values[n].filter((each) => each !== null && each !== undefined);
      const mean = known.length ? known.reduce((sum, each) => sum + each, 0) / known.length : null;
      const cells = row.querySelectorAll("td");
      [last(known), mean, known.length ? Math.max(...known) : null].forEach((each, at) => { cells[at].textContent = word(chart, each); });
    });
  }

  function draw(chart) {
    const place = chart.figure.querySelector(".plot");
    if (chart.at.length < 2) return;
    place.querySelector(".waiting")?.remove();
    const { width } = place.getBoundingClientRect();
    const height = Math.max(208, Math.floor(place.clientHeight));
    chart.plot?.destroy();
    chart.plot = new window.uPlot(options(chart, Math.max(200, Math.floor(width)), height), data(chart), place);
    tell(chart);
  }

  function unmount() {
    loading?.abort();
    watcher?.disconnect();
    for (const chart of drawn.values()) chart.plot?.destroy();
    drawn.clear();
  }

  async function mount(page) {
    unmount();
    const figures = [...page.querySelectorAll("figure[data-chart]")];
    const address = page.dataset.figures;
    if (!figures.length || !address) return;
    for (const figure of figures) {
      const spec = JSON.parse(figure.dataset.chart);
      drawn.set(spec.id, { figure, spec, at: [], values: spec.series.map(() => []), plot: null });
    }
    if (!await load(address)) return;
    watcher = new ResizeObserver(() => { for (const chart of drawn.values()) fit(chart); });
    for (const figure of figures) watcher.observe(figure.querySelector(".plot"));
  }

  // Whether the figures came while this page is still the one that is looked at.
  async function load(address) {
    const url = new URL(address, location.href);
    for (const id of drawn.keys()) url.searchParams.append("chart", id);
    const mine = loading = new AbortController();
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: mine.signal });
      const charts = answer.ok ? (await answer.json()).charts : {};
      if (mine.signal.aborted) return false;
      for (const [id, told] of Object.entries(charts)) {
        const chart = drawn.get(id);
        if (!chart) continue;
        Object.assign(chart, { at: told.at, values: told.values });
        draw(chart);
      }
      return true;
    } catch {
      if (mine.signal.aborted) return false;
      document.getElementById("offline").hidden = false;
      return true;
    }
  }

  function fit(chart) {
    const place = chart.figure.querySelector(".plot");
    const width = Math.floor(place.getBoundingClientRect().width);
    if (chart.plot && width > 0 && width !== chart.plot.width) chart.plot.setSize({ width, height: chart.plot.height });
  }

  // Further points; what lies further back than the page asks for goes.
  function take({ charts, from }) {
    for (const [id, told] of Object.entries(charts)) {
      const chart = drawn.get(id);
      if (!chart) continue;
      chart.at.push(...told.at);
      chart.values.forEach((values, n) => values.push(...told.values[n]));
      const gone = Math.max(chart.at.findIndex((each) => each >= from), chart.at.length - MOST_POINTS, 0);
      chart.at.splice(0, gone);
      for (const values of chart.values) values.splice(0, gone);
      if (!chart.plot) draw(chart);
      else { chart.plot.setData(data(chart)); tell(chart); }
    }
  }

  // The time of the latest point, in milliseconds; 0 where there is none.
  function latest() {
    return Math.max(0, ...[...drawn.values()].map((chart) => Math.round((chart.at.at(-1) ?? 0) * 1000)));
  }

  dark.addEventListener("change", () => { for (const chart of drawn.values()) draw(chart); });
  return { mount, unmount, take, latest };
})();
