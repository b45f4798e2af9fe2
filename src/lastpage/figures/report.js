
"use strict";
// Draws what the block of JSON holds. Texts go in by textContent alone; nothing is fetched.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ALL = -2, OTHERS = -1;
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const chosen = { media: 0, queue: ALL, measure: "outcomes" };
const mediaName = (media) => DATA.media[media] ?? "no medium";
const word = (at) => DATA.words[at];

// What can be shown: how it is drawn, of which sums, and how a value reads.
const MEASURES = {
  outcomes: { title: "offers and how they ended", parts: ["answered", "flowed_out", "abandoned"], mark: "offered", read: number, adds: true },
  level: { title: "service level", ratio: ["in_time", "of_all"], read: percent, not: ["callback"] },
  speed: { title: "average speed of answer", ratio: ["answer_s", "answered"], read: clock },
  handle: { title: "average handle time", ratio: ["handle_s", "handled"], parts: ["talk_s", "hold_s", "acw_s"], read: clock },
};
const LABELS = {
  offered: "offered", answered: "answered", flowed_out: "flowed out", abandoned: "abandoned",
  talk_s: "talk", hold_s: "hold", acw_s: "after-call work",
};

// Small helpers ---------------------------------------------------------------------------------

function make(name, facts = {}, ...inside) {
  const svg = ["svg", "rect", "line", "path", "text", "g", "circle", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(facts)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.flat(Infinity).filter((each) => each !== null && each !== undefined));
  return made;
}
function place(id, ...inside) { document.getElementById(id).replaceChildren(...inside.flat(Infinity).filter(Boolean)); }
function number(value) { return value === null ? "–" : (Math.abs(value) < 10 && value % 1 ? value.toFixed(1) : Math.round(value).toLocaleString("en")); }
function percent(value) { return value === null ? "–" : `${(100 * value).toFixed(1)} %`; }
function clock(value) {
  if (value === null) return "–";
  const s = Math.round(value), pad = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${pad(s % 60)}` : `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}
function divide(over, under) { return under ? over / under : null; }
function queueName(queue) { return queue === ALL ? "All queues" : queue === OTHERS ? `${DATA.pooled} other queues` : DATA.queues[queue]; }
function chosenQueue() { return chosen.queue === ALL ? "all queues" : queueName(chosen.queue); }
function chosenName() { return `${mediaName(chosen.media)}, ${chosenQueue()}`; }

// Sums ------------------------------------------------------------------------------------------

function sums(columns, key, wanted) {
  const names = Object.keys(columns).filter((name) => !["at", "queue", "media"].includes(name));
  const found = new Map();
  for (let row = 0; row < columns.at.length; row++) {
    if (!wanted(columns.media[row], columns.queue[row])) continue;
    const at = key(columns.at[row], columns.queue[row], columns.media[row]);
    if (!found.has(at)) found.set(at, Object.fromEntries(names.map((name) => [name, 0])));
    const sum = found.get(at);
    for (const name of names) sum[name] += columns[name][row];
  }
  return found;
}
const isChosen = (media, queue) => media === chosen.media && (chosen.queue === ALL || queue === chosen.queue);

function valueOf(measure, sum) {
  if (!sum || measure.not?.includes(DATA.media[chosen.media])) return null;
  return measure.ratio ? divide(sum[measure.ratio[0]], sum[measure.ratio[1]]) : sum.offered;
}
function partsOf(measure, sum) {
  if (!sum || !measure.parts || sum[measure.parts[0]] === undefined) return null;
  const under = measure.ratio ? sum[measure.ratio[1]] : 1;
  return under ? measure.parts.map((name) => [name, sum[name] / under]) : null;
}

// The calendar ----------------------------------------------------------------------------------

function calendar() {
  const most = Math.max(1, ...DATA.days.map((day) => day[2]));
  const months = new Map();
  for (const day of DATA.days) {
    const month = day[0].slice(0, 7);
    if (!months.has(month)) months.set(month, []);
    months.get(month).push(day);
  }
  const cells = [];
  const made = [...months].map(([month, days]) => {
    const lead = (new Date(`${days[0][0]}T00:00Z`).getUTCDay() + 6) % 7;
    const title = new Date(`${month}-01T00:00Z`).toLocaleDateString("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
    const grid = make("div", {}, Array.from({ length: lead }, () => make("span")), days.map((day) => cell(day, most, cells)));
    return make("div", { class: "month", role: "group", "aria-label": title }, make("h3", { "aria-hidden": "true" }, title), grid);
  });
  place("calendar", made);
  if (cells[0]) cells[0].tabIndex = 0;
}
function cell([date, verdict, conversations, isFinal, account], most, cells) {
  const at = cells.length;
  const volume = conversations ? `v${Math.min(4, Math.ceil((4 * conversations) / most))}` : "";
  const kind = verdict === "complete" ? `${volume}${isFinal ? "" : " provisional"}` : verdict === "unproven" ? `${volume} unproven` : verdict;
  const told = `${new Date(`${date}T00:00Z`).toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" })} (UTC). ${account}`;
  const show = () => { document.getElementById("account").textContent = told; };
  const move = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, Home: -at, End: cells.length - 1 - at }[event.key];
    const next = step === undefined ? undefined : cells[at + step];
    if (!next) return;
    event.preventDefault();
    cells[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };
  const made = make("button", { type: "button", class: `day ${kind}`, tabindex: "-1", "aria-label": told, onfocus: show, onpointerenter: show, onclick: show, onkeydown: move }, String(Number(date.slice(8))));
  cells.push(made);
  return made;
}

// Choices and the table -------------------------------------------------------------------------

function choice(id, options, name, then) {
  const group = document.getElementById(id);
  group.replaceChildren(group.querySelector("legend"), ...options.map(([value, label]) => {
    const input = make("input", { type: "radio", name, value, checked: chosen[name] === value, onchange: () => { chosen[name] = value; then(); } });
    return make("label", {}, input, label);
  }));
}
const COLUMNS = [
  ["offered", "Offered", (sum) => number(sum.offered)],
  ["answered", "Answered", (sum) => [number(sum.answered), share(sum.answered, sum.offered, ["callback"])]],
  ["abandoned", "Abandoned", (sum) => [number(sum.abandoned), share(sum.abandoned, sum.offered, ["callback", "message"])]],
  ["flowed_out", "Flowed out", (sum) => number(sum.flowed_out)],
  ["unresolved", "Unresolved", (sum) => number(sum.unresolved)],
  ["service_level_pct", "Service level", (sum) => percent(valueOf(MEASURES.level, sum))],
  ["asa_s", "Speed of answer", (sum) => clock(divide(sum.answer_s, sum.answered))],
  ["aht_s", "Handle time", (sum) => clock(divide(sum.handle_s, sum.handled))],
  ["talk_s", "Talk, hold, after-call", (sum, most) => split(sum, most)],
];
function share(over, under, never) {
  const value = never.includes(DATA.media[chosen.media]) ? null : divide(over, under);
  return value === null ? null : make("small", {}, ` ${percent(value)}`);
}
function split(sum, most) {
  const parts = partsOf(MEASURES.handle, sum);
  if (!parts) return "–";
  const scale = 144 / (most || 1);
  let x = 0;
  const bars = parts.map(([name, value]) => { const bar = make("rect", { class: name, x, y: 0, width: Math.max(0, value * scale), height: 12 }); x += value * scale; return bar; });
  const told = parts.map(([name, value]) => `${LABELS[name]} ${clock(value)}`).join(", ");
  return make("svg", { class: "split", viewBox: "0 0 144 12", preserveAspectRatio: "none", role: "img", "aria-label": told }, make("title", {}, told), bars);
}
function table() {
  const rows = sums(DATA.periods, (_, queue) => queue, (media) => media === chosen.media);
  const all = sums(DATA.periods, () => ALL, (media) => media === chosen.media);
  const order = [...rows].sort((one, other) => other[1].offered - one[1].offered || other[1].handled - one[1].handled);
  const most = Math.max(0, ...[...order, ...all].map(([, sum]) => (partsOf(MEASURES.handle, sum) ?? []).reduce((total, [, value]) => total + value, 0)));
  const head = COLUMNS.map(([name, label]) => make("th", { scope: "col" }, make("button", { type: "button", onclick: () => how(name, label) }, label)));
  const body = [...all, ...order].map(([queue, sum]) => make("tr", { class: queue === chosen.queue ? "chosen" : null },
    make("th", { scope: "row" }, make("button", { type: "button", "aria-pressed": String(queue === chosen.queue), onclick: () => { chosen.queue = queue; draw(); focusQueue(queue); }, "data-queue": queue }, queueName(queue))),
    COLUMNS.map(([, , read]) => make("td", {}, [read(sum, most)].flat()))));
  place("table", make("caption", { class: "skip" }, `Figures of ${mediaName(chosen.media)} by queue`), make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Queue"), head)), make("tbody", {}, body));
}
function focusQueue(queue) { document.querySelector(`[data-queue="${queue}"]`)?.focus(); }
function how(name, label) {
  const more = { talk_s: ["talk_s", "hold_s", "acw_s"] }[name] ?? [name];
  place("how", make("strong", {}, `${label}: `), more.map((each) => DATA.counted[each]).join(" "));
}

// Charts ----------------------------------------------------------------------------------------

// Bars or a line over steps; `steps` are [label, sum or null].
function chart(id, title, measure, steps, every, scaled = 1, isThin = () => false) {
  const figure = document.getElementById(id), width = Math.max(280, figure.clientWidth), height = 150, left = 46, bottom = 20;
  const bars = steps.map(([label, sum]) => ({ label, sum, value: valueOf(measure, sum), parts: partsOf(measure, sum) }));
  const tops = bars.map((bar) => Math.max(bar.value ?? 0, (bar.parts ?? []).reduce((total, [, value]) => total + value, 0)));
  const most = measure === MEASURES.level ? 1 : nice(Math.max(...tops, 0) / scaled, measure.read === clock) * scaled;
  const step = (width - left) / Math.max(1, bars.length), y = (value) => height - (value / most) * height;
  const svg = make("svg", { width, height: height + bottom, viewBox: `0 0 ${width} ${height + bottom}`, role: "img", tabindex: 0, "aria-label": `${title}: ${summary(measure, bars, scaled)} The numbers stand in a table below.` });
  for (const part of [0, 0.5, 1]) {
    svg.append(make("line", { class: "line", x1: left, x2: width, y1: y(most * part), y2: y(most * part) }),
      make("text", { x: left - 8, y: y(most * part) + 4, "text-anchor": "end" }, measure === MEASURES.level ? `${100 * part} %` : measure.read((most * part) / scaled)));
  }
  if (measure === MEASURES.level && DATA.target) svg.append(make("line", { class: "target", x1: left, x2: width, y1: y(DATA.target / 100), y2: y(DATA.target / 100) }));
  bars.forEach((bar, at) => {
    if (isThin(bar.label)) svg.append(make("rect", { class: "thin", x: left + at * step, y: 0, width: step + 0.5, height }));
  });
  bars.forEach((bar, at) => {
    const x = left + at * step, wide = Math.max(0.6, step - (step > 4 ? 1.5 : 0.3));
    let top = height;
    for (const [name, value] of bar.parts ?? (bar.value === null || measure === MEASURES.level ? [] : [["plain", bar.value]])) {
      const tall = (value / most) * height;
      if (tall > 0) svg.append(make("rect", { class: name, x, y: top - tall, width: wide, height: tall }));
      top -= tall;
    }
    if (measure.mark && bar.sum) svg.append(make("line", { class: "mark", x1: x, x2: x + wide, y1: y(bar.sum.offered), y2: y(bar.sum.offered) }));
    if (at % every === 0) svg.append(make("text", { x, y: height + 15 }, axisLabel(bar.label)));
  });
  if (measure === MEASURES.level) svg.append(...curve(bars, (at) => left + (at + 0.5) * step, y));
  watch(figure, svg, title, measure, bars, { left, step, height, scaled, isThin: bars.some((bar) => isThin(bar.label)) });
}
function axisLabel(label) { return label.length === 10 ? new Date(`${label}T00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }) : label; }
function curve(bars, x, y) {
  const dots = [];
  let path = "", isOn = false;
  bars.forEach((bar, at) => {
    if (bar.value === null) { isOn = false; return; }
    path += `${isOn ? "L" : "M"}${x(at).toFixed(1)} ${y(bar.value).toFixed(1)}`;
    const isAlone = !isOn && (bars[at + 1]?.value ?? null) === null;
    if (isAlone || bars.length < 70) dots.push(make("circle", { class: "plain", cx: x(at), cy: y(bar.value), r: 2 }));
    isOn = true;
  });
  return [make("path", { class: "mark", d: path || "M0 0" }), ...dots];
}
function nice(value, isTime) {
  const steps = isTime ? [10, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600] : [];
  for (const each of steps) if (value <= each) return each;
  if (isTime) return Math.ceil(value / 3600) * 3600;
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 5, 10].map((each) => each * power).find((each) => each >= value) ?? 1;
}
function summary(measure, bars, scaled) {
  const known = bars.filter((bar) => bar.value !== null);
  if (!known.length) return "nothing was counted.";
  const high = known.reduce((best, bar) => (bar.value > best.value ? bar : best));
  return `highest ${measure.read(high.value / scaled)} at ${high.label}.`;
}
function told(measure, bar, scaled = 1) {
  if (!bar.sum) return `${bar.label}: nothing counted`;
  const parts = (bar.parts ?? []).map(([name, value]) => `${LABELS[name]} ${measure.read(value / scaled)}`);
  const first = measure.mark ? `offered ${number(bar.sum.offered / scaled)}` : `${measure.title} ${measure.read(bar.value)}`;
  return `${bar.label}: ${[first, ...parts].join(", ")}`;
}
function watch(figure, svg, title, measure, bars, { left, step, height, scaled, isThin }) {
  const said = make("p", { class: "readout", "aria-live": "polite" });
  const cursor = make("rect", { class: "cursor", y: 0, width: step, height, x: left, visibility: "hidden" });
  let at = -1;
  const show = (next) => {
    at = Math.max(0, Math.min(bars.length - 1, next));
    cursor.setAttribute("x", left + at * step);
    cursor.setAttribute("visibility", "visible");
    said.textContent = told(measure, bars[at], scaled);
  };
  svg.append(cursor);
  svg.addEventListener("pointermove", (event) => show(Math.floor((event.clientX - svg.getBoundingClientRect().left - left) / step)));
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); show(at + by); }
  });
  const key = (measure.parts ?? []).filter((name) => bars.some((bar) => bar.parts?.some(([each, value]) => each === name && value)));
  const legend = make("small", {}, key.map((name) => make("span", {}, make("span", { class: `key ${name}` }), LABELS[name])), measure.mark ? make("span", {}, make("span", { class: "key rule" }), "offered") : null,
    isThin ? make("span", {}, make("span", { class: "key thin" }), "lacks some of what began before, or is still changing") : null);
  said.textContent = "Point at it, or choose it and use the arrow keys.";
  figure.replaceChildren(make("figcaption", {}, title, legend), said, svg, numbers(measure, bars, scaled));
}
function numbers(measure, bars, scaled) {
  const details = make("details", {}, make("summary", {}, "Numbers"));
  details.addEventListener("toggle", () => {
    if (details.children.length > 1) return;
    const names = measure.parts ?? [];
    const rows = bars.filter((bar) => bar.sum).map((bar) => make("tr", {}, make("th", { scope: "row" }, bar.label), make("td", {}, measure.read(bar.value === null ? null : bar.value / scaled)),
      names.map((name) => make("td", {}, measure.read((bar.parts?.find(([each]) => each === name)?.[1] ?? null) === null ? null : bar.parts.find(([each]) => each === name)[1] / scaled)))));
    details.append(make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {}, ["", measure.mark ?? measure.title, ...names.map((name) => LABELS[name])].map((each) => make("th", { scope: "col" }, each)))), make("tbody", {}, rows))));
  });
  return details;
}

// The four figures ------------------------------------------------------------------------------

function steps(first, last, grain) {
  const found = [], at = new Date(`${first}T00:00Z`), end = new Date(`${last}T00:00Z`);
  while (at <= end && found.length < 4000) {
    found.push(at.toISOString().slice(0, 10));
    if (grain === "month") at.setUTCMonth(at.getUTCMonth() + 1);
    else at.setUTCDate(at.getUTCDate() + (grain === "week" ? 7 : 1));
  }
  return found;
}
function periods() {
  const found = sums(DATA.periods, (at) => DATA.at[at], isChosen), measure = MEASURES[chosen.measure];
  const axis = DATA.at.length ? steps(DATA.at[0], DATA.at.at(-1), DATA.grain) : [];
  const [early, late] = DATA.thin;
  const title = `${{ day: "Day by day", week: "Week by week", month: "Month by month" }[DATA.grain]}: ${measure.title}; ${chosenName()}`;
  chart("periods", title, measure, axis.map((at) => [at, found.get(at) ?? null]), Math.max(1, Math.ceil(axis.length / (innerWidth < 600 ? 4 : 12))), 1, (at) => at < early || at >= late);
}
function slotName(slot) {
  const minutes = slot * 30 + DATA.minute, pad = (n) => String(n).padStart(2, "0");
  return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
function byClock() {
  const found = sums(DATA.clock, (at) => at % 48, isChosen), measure = MEASURES[chosen.measure];
  const days = DATA.weekdays.reduce((total, each) => total + each, 0);
  const title = `Half-hour by half-hour: ${measure.title}${measure.adds ? ", on an average day" : ""}; ${chosenName()}`;
  chart("clock", title, measure, Array.from({ length: 48 }, (_, slot) => [slotName(slot), found.get(slot) ?? null]), innerWidth < 600 ? 12 : 4, measure.adds ? Math.max(1, days) : 1);
}
function byWeek() {
  const found = sums(DATA.clock, (at) => Math.floor(at / 2), isChosen), measure = MEASURES[chosen.measure];
  const figure = document.getElementById("week"), width = Math.max(280, figure.clientWidth), left = width < 500 ? 30 : 80, tall = 22;
  const value = (weekday, hour) => {
    const known = valueOf(measure, found.get(weekday * 24 + hour));
    return known === null || !measure.adds ? known : divide(known, DATA.weekdays[weekday]);
  };
  const most = Math.max(...Array.from({ length: 168 }, (_, at) => value(Math.floor(at / 24), at % 24) ?? 0), 0) || 1;
  const wide = (width - left) / 24;
  const said = make("p", { class: "readout" }, "Point at it, or choose it and use the arrow keys.");
  const svg = make("svg", { width, height: tall * 7 + 20, viewBox: `0 0 ${width} ${tall * 7 + 20}`, role: "img", tabindex: 0, "aria-label": `Hour by weekday: ${measure.title}. The numbers stand in a table below.` });
  const cursor = make("rect", { class: "mark", width: wide, height: tall, visibility: "hidden" });
  for (let weekday = 0; weekday < 7; weekday++) {
    svg.append(make("text", { x: left - 8, y: weekday * tall + 15, "text-anchor": "end" }, left < 60 ? WEEKDAYS[weekday].slice(0, 2) : WEEKDAYS[weekday]));
    for (let hour = 0; hour < 24; hour++) {
      const known = value(weekday, hour);
      if (known === null) continue;
      const made = make("rect", { x: left + hour * wide, y: weekday * tall, width: wide - 1, height: tall - 1 });
      made.style.fill = `rgb(var(--heat) / ${(0.06 + 0.94 * (known / most)).toFixed(2)})`;
      svg.append(made);
    }
  }
  for (let hour = 0; hour < 24; hour += width < 500 ? 6 : 3) svg.append(make("text", { x: left + hour * wide, y: tall * 7 + 14 }, `${String(hour).padStart(2, "0")}:${String(DATA.minute).padStart(2, "0")}`));
  svg.append(cursor);
  let at = -1;
  const show = (weekday, hour) => {
    if (weekday < 0 || weekday > 6 || hour < 0 || hour > 23) return;
    at = weekday * 24 + hour;
    cursor.setAttribute("x", left + hour * wide);
    cursor.setAttribute("y", weekday * tall);
    cursor.setAttribute("visibility", "visible");
    said.textContent = `${WEEKDAYS[weekday]} ${slotName(hour * 2)}: ${measure.adds ? "offered" : measure.title} ${measure.read(value(weekday, hour))}`;
  };
  svg.addEventListener("pointermove", (event) => { const box = svg.getBoundingClientRect(); show(Math.floor((event.clientY - box.top) / tall), Math.floor((event.clientX - box.left - left) / wide)); });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -24, ArrowDown: 24 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = at < 0 ? 0 : at + step;
    show(Math.floor(next / 24), ((next % 24) + 24) % 24);
  });
  const rows = WEEKDAYS.map((name, weekday) => make("tr", {}, make("th", { scope: "row" }, name), Array.from({ length: 24 }, (_, hour) => make("td", {}, measure.read(value(weekday, hour))))));
  const numbersOf = make("details", {}, make("summary", {}, "Numbers"), make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, ""), Array.from({ length: 24 }, (_, hour) => make("th", { scope: "col" }, slotName(hour * 2))))), make("tbody", {}, rows))));
  figure.replaceChildren(make("figcaption", {}, `Hour by weekday: ${measure.adds ? "offered, on an average weekday" : measure.title}; ${chosenName()}`), said, svg, numbersOf);
}
function mix() {
  const found = sums(DATA.periods, (_at, _queue, media) => media, (_, queue) => chosen.queue === ALL || queue === chosen.queue);
  const all = [...found.values()].reduce((total, sum) => total + sum.offered, 0), most = Math.max(1, ...[...found.values()].map((sum) => sum.offered));
  const rows = DATA.media.map((_, media) => media).filter((media) => found.has(media)).map((media) => {
    const offered = found.get(media).offered;
    const bar = make("svg", { width: "100%", height: 12, viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" }, make("rect", { class: "plain", width: (100 * offered) / most, height: 12 }));
    return make("tr", {}, make("th", { scope: "row" }, mediaName(media)), make("td", {}, number(offered)), make("td", {}, all ? percent(offered / all) : "–"), make("td", { class: "bar" }, bar));
  });
  place("mix", make("figcaption", {}, `Media: offered; ${chosenQueue()}`), make("table", {}, make("tbody", {}, rows)));
}

// The explorer ----------------------------------------------------------------------------------

function explorer() {
  const sampled = DATA.sample.filter((each) => each.media === DATA.media[chosen.media]);
  const personal = DATA.personal ? "Names, numbers and attributes of people are shown." : "Names, numbers and attributes of people are left out.";
  document.getElementById("explorer").hidden = !DATA.sample.length;
  place("sampled", sampled.length
    ? `A sample: of ${mediaName(chosen.media)}, the ${number(sampled.length)} conversations that waited longest in queues, longest first. ${personal}`
    : `None of ${mediaName(chosen.media)} waited in a queue.`);
  const head = make("thead", {}, make("tr", {}, ["Began", "Queue", "Waited"].map((each) => make("th", { scope: "col" }, each))));
  const rows = sampled.map((each) => {
    const row = make("tr", {}, make("th", { scope: "row" }), make("td", {}, word(each.queue)), make("td", {}, clock(each.wait)));
    row.firstChild.append(make("button", { type: "button", "aria-pressed": "false", onclick: () => timeline(each, row) }, each.start.slice(0, 16)));
    return row;
  });
  place("sample", head, make("tbody", {}, rows));
  if (sampled.length) timeline(sampled[0], rows[0]);
  else place("timeline");
}
function timeline(one, chosenRow) {
  for (const row of document.querySelectorAll("#sample tbody tr")) {
    row.className = row === chosenRow ? "chosen" : "";
    row.querySelector("button").setAttribute("aria-pressed", String(row === chosenRow));
  }
  const facts = [...one.lanes.flatMap((lane) => (lane.personal ?? []).map(([name, value]) => [`${word(lane.who)}, ${name}`, value])), ...one.attributes];
  place("timeline",
    make("h3", {}, one.start, make("br"), make("small", {}, [one.id, `waited ${clock(one.wait)}`, one.outcome].filter(Boolean).join(" · "))),
    lanes(one),
    make("ol", { tabindex: 0, "aria-label": "What happened, in order" }, events(one).map(([when, who, what]) => make("li", {}, make("small", {}, clock(Math.max(0, when))), make("small", {}, who), make("span", {}, what)))),
    facts.length ? make("dl", { class: "definitions" }, facts.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])) : null);
}
function lanes(one) {
  const ends = one.lanes.flatMap((lane) => lane.segments.flatMap((segment) => [segment[1], segment[2]])).filter((value) => value !== null);
  const first = Math.min(0, ...ends), last = Math.max(1, ...ends);
  const width = Math.max(280, document.getElementById("timeline").clientWidth), tall = 32, height = one.lanes.length * tall;
  const x = (seconds) => ((seconds - first) / (last - first)) * (width - 2);
  const svg = make("svg", { width, height: height + 22, viewBox: `0 0 ${width} ${height + 22}`, role: "img", "aria-label": "Timeline; the same stands as a list below." });
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const at = first + (last - first) * part;
    svg.append(make("line", { class: "line", x1: x(at), x2: x(at), y1: 0, y2: height }),
      make("text", { x: x(at), y: height + 14, "text-anchor": { 0: "start", 1: "end" }[part] ?? "middle" }, clock(Math.max(0, at))));
  }
  one.lanes.forEach((lane, row) => {
    svg.append(make("text", { x: 0, y: row * tall + 11 }, `${word(lane.who)} · ${word(lane.media) ?? ""}`));
    for (const segment of lane.segments) {
      if (segment[1] === null) continue;
      const end = segment[2] ?? last, bar = make("rect", { x: x(segment[1]), y: row * tall + 15, width: Math.max(1.5, x(end) - x(segment[1])), height: 12 });
      bar.append(make("title", {}, `${kind(lane, segment)}, ${clock(Math.max(0, segment[1]))} to ${segment[2] === null ? "now" : clock(Math.max(0, end))}`));
      bar.setAttribute("class", `segment ${kind(lane, segment)}`);
      svg.append(bar);
    }
  });
  return svg;
}
function kind(lane, segment) { return word(lane.who) === "queue" && word(segment[0]) === "interact" ? "wait" : word(segment[0]) ?? "unknown"; }
function events(one) {
  return one.lanes.flatMap((lane) => [
    ...lane.segments.filter((segment) => segment[1] !== null).map((segment) => {
      const queue = word(segment[3]), long = segment[2] === null ? "still going on" : clock(segment[2] - segment[1]);
      return [segment[1], word(lane.who), `${kind(lane, segment)}, ${long}${queue ? `, ${queue}` : ""}`];
    }),
    ...lane.metrics.filter((metric) => metric[2] !== null).map(([name, value, when]) => [when, word(lane.who), `${word(name)} ${(word(name) ?? "").startsWith("t") ? clock(value / 1000) : value}`]),
  ]).sort((one_, other) => one_[0] - other[0]);
}

// The page --------------------------------------------------------------------------------------

function draw() {
  choice("media", DATA.media.map((_, media) => [media, mediaName(media)]), "media", () => { chosen.queue = ALL; draw(); explorer(); focusChoice("media"); });
  table(); periods(); byClock(); byWeek(); mix();
}
function focusChoice(name) { document.querySelector(`input[name="${name}"]:checked`)?.focus(); }
function theme() {
  const button = document.getElementById("theme"), isDark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; name(); });
  name();
}
theme();
calendar();
choice("measure", [["outcomes", "Offers and outcomes"], ["level", "Service level"], ["speed", "Speed of answer"], ["handle", "Handle time"]], "measure", () => { periods(); byClock(); byWeek(); });
draw();
explorer();
let waiting = 0, wide = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === wide) return;
  wide = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => { periods(); byClock(); byWeek(); });
});
