const byId = (id) => document.getElementById(id);
const service = JSON.parse(byId("service").textContent);
const form = byId("film"), drop = byId("drop"), file = byId("poster"), overview = byId("overview");
const FEWEST = 8;
let poster = null, pictureUrl = "", answered = null, everything = false;

// An element with attributes and children; texts stay texts.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") for (const [key, worth] of Object.entries(value)) element.style.setProperty(key, worth);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
const percent = (share) => (share > 0 && share < 0.005 ? "<1\u00a0%" : `${Math.round(100 * share)}\u00a0%`);
const listed = (words) => words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
const modelOf = (key) => service.models.find((model) => model.model === key);
const named = (model) => make("span", { class: "model", style: { "--model": model.colour } },
  make("span", { class: "mark", "aria-hidden": "true" }, model.glyph), ` ${model.name}`);

function say(problem) {
  byId("problem").hidden = !problem;
  byId("problem").textContent = problem;
}

function take(picture) {
  if (picture && picture.size > service.limits.body_bytes) {
    say(`The file has ${(picture.size / 1e6).toFixed(1)} MB; at most ${service.limits.body_bytes / 1e6} MB are taken.`);
    picture = null;
  } else say("");
  poster = picture;
  if (pictureUrl) URL.revokeObjectURL(pictureUrl);
  pictureUrl = poster ? URL.createObjectURL(poster) : "";
  const preview = byId("preview");
  preview.hidden = byId("remove").hidden = !poster;
  byId("invitation").classList.toggle("unseen", Boolean(poster));
  drop.classList.toggle("full", Boolean(poster));
  if (poster) preview.src = pictureUrl; else preview.removeAttribute("src");
}

if (file) {
  file.addEventListener("change", () => { if (file.files.length) take(file.files[0]); });
  byId("remove").addEventListener("click", () => { file.value = ""; take(null); file.focus(); });
  const pictureIn = (transfer) => [...(transfer?.files ?? [])].find((one) => one.type.startsWith("image/")) ?? null;
  document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const picture = pictureIn(event.dataTransfer);
    if (picture) take(picture); else say("What was dropped is no picture.");
  });
  document.addEventListener("paste", (event) => {
    const picture = pictureIn(event.clipboardData);
    if (picture) take(picture);
  });
}

async function ask(explain, film) {
  const body = new FormData();
  if (film.poster) body.set("poster", film.poster);
  body.set("overview", film.overview);
  body.set("explain", String(explain));
  let response, values;
  try {
    response = await fetch("/predict", { method: "POST", body });
    values = await response.json();
  } catch {
    throw new Error(response ? `The service answered with status ${response.status}.` : "The service does not answer.");
  }
  if (!response.ok) throw new Error(values.error);
  return values;
}

async function whileBusy(button, action) {
  const text = button.textContent;
  button.disabled = true;
  button.textContent = "One moment …";
  say("");
  try { await action(); } catch (error) { say(error.message); } finally {
    button.disabled = false;
    button.textContent = text;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const film = { poster, overview: overview ? overview.value : "" };
  if (!film.poster && !film.overview.trim()) {
    say(file && overview ? "Give a poster, an overview or both." : `Give ${file ? "a poster" : "an overview"}.`);
    return;
  }
  whileBusy(byId("send"), async () => {
    const answer = await ask(false, film);
    if (answered?.url) URL.revokeObjectURL(answered.url);
    answered = { answer, film, url: film.poster ? URL.createObjectURL(film.poster) : "" };
    show();
    byId("why").hidden = true;
    byId("explain").hidden = false;
    // On a phone the answer is below the form.
    const { top } = byId("result").getBoundingClientRect();
    if (top > 0.7 * innerHeight) byId("result").scrollIntoView();
  });
});
overview?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
byId("all").addEventListener("click", () => { everything = !everything; show(); });

function cell(prediction, genre) {
  const model = modelOf(prediction.model), label = make("span", { class: "label" }, named(model), " ");
  if (prediction.problem) return make("li", {}, label, make("span", { class: "note" }, prediction.problem), "");
  const share = prediction.probabilities[genre], chosen = prediction.genres.includes(genre);
  const bar = make("span", { class: "bar", "aria-hidden": "true" },
    make("span", { style: { width: `${100 * share}%`, "--model": model.colour } }),
    make("i", { style: { left: `${100 * model.thresholds[genre]}%` } }));
  const text = make("span", { class: "share" }, percent(share), chosen ? " ✓" : "",
    chosen ? make("span", { class: "unseen" }, " chosen") : "");
  return make("li", { class: chosen ? "hit" : "miss" }, label, bar, text);
}

function show() {
  const { answer } = answered, main = modelOf(answer.model);
  const ranked = [...service.genres].sort((a, b) => answer.probabilities[b] - answer.probabilities[a]);
  const predictions = service.models.map((model) => answer.models.find((one) => one.model === model.model));
  byId("empty").hidden = true;
  byId("result").hidden = false;
  byId("verdict").textContent = answer.genres.length ? listed(answer.genres) : "No genre passes its threshold";
  const nearest = answer.genres.length ? "" : `; the most probable one is ${ranked[0]}`;
  byId("by").replaceChildren("by ", named(main), nearest);
  byId("heads").style.setProperty("--models", predictions.length);
  byId("genres").style.setProperty("--models", predictions.length);
  byId("heads").replaceChildren("", make("span"), make("ul", {}, ...service.models.map((one) => make("li", {}, named(one)))));
  const many = Math.max(FEWEST, answer.genres.length);
  const shown = everything ? ranked : ranked.slice(0, many);
  byId("genres").replaceChildren(...shown.map((genre) => make("li", {}, make("h3", {}, genre),
    make("ul", { class: "cells" }, ...predictions.map((prediction) => cell(prediction, genre))))));
  byId("all").hidden = ranked.length <= many;
  byId("all").textContent = everything ? "Fewer genres" : `All ${ranked.length} genres`;
  byId("all").setAttribute("aria-expanded", String(everything));
}

byId("explain").addEventListener("click", () => whileBusy(byId("explain"), async () => {
  const asked = answered, { explanations } = await ask(true, asked.film);
  if (asked !== answered) return;
  byId("explain").hidden = true;
  byId("why").hidden = false;
  explain(explanations, 0, "");
}));

function choice(place, options, chosen, pick) {
  const buttons = options.map(([value, text]) => {
    const button = make("button", { type: "button", "aria-pressed": String(value === chosen) }, text);
    button.addEventListener("click", () => { pick(value); place.querySelector('[aria-pressed="true"]').focus(); });
    return button;
  });
  place.replaceChildren(...(options.length > 1 ? buttons : []));
}

function explain(explanations, place, member) {
  const whole = explanations[place], members = Object.keys(whole.members);
  const one = member ? whole.members[member] : whole;
  const genres = explanations.map((each, number) => [number, `${each.genre} ${percent(each.probability)}`]);
  choice(byId("which-genre"), genres, place, (number) => explain(explanations, number, member));
  const models = [["", modelOf(answered.answer.model).name], ...members.map((key) => [key, modelOf(key)?.name ?? key])];
  choice(byId("which-model"), models, member, (key) => explain(explanations, place, key));
  const parts = [one.heat ? heatOf(one) : null, textOf(one)].filter(Boolean);
  byId("reasons").classList.toggle("both", parts.length > 1);
  byId("reasons").replaceChildren(...parts);
}

function heatOf(one) {
  const canvas = heatCanvas(one.heat);
  const cold = one.heat.flat().every((value) => value === 0);
  const text = cold ? `Nothing in the poster speaks for ${one.genre}.` : `The redder, the more it speaks for ${one.genre}.`;
  return make("figure", {}, make("div", { class: "heat" }, make("img", { src: answered.url, alt: "The poster" }), canvas),
    make("figcaption", {}, text));
}

function textOf(one) {
  const parts = [];
  if (one.poster_share !== null) {
    const share = one.poster_share;
    parts.push(make("p", {}, `Poster ${percent(share)}, overview ${percent(1 - share)} of the answer`),
      make("p", { class: "split", "aria-hidden": "true" }, make("span", { style: { width: `${100 * share}%` } }), make("span")));
  }
  const most = Math.max(...one.words.map(([, worth]) => Math.abs(worth)), 0);
  if (most > 0) {
    const top = (sign) => [...new Set(one.words.filter(([, worth]) => sign * worth > 0.05 * most)
      .sort((a, b) => sign * (b[1] - a[1])).map(([word]) => word.replace(/^\W+|\W+$/g, "").toLowerCase()))].filter(Boolean).slice(0, 5);
    const said = [[`for ${one.genre}`, top(1)], ["against it", top(-1)]].filter(([, words]) => words.length);
    parts.push(markedWords(one.words),
      make("p", { class: "note" }, said.map(([side, words]) => `${side}: ${words.join(", ")}`).join("; ")));
  } else if (one.words.length) parts.push(make("p", { class: "note" }, `No word speaks for or against ${one.genre}.`));
  if (!parts.length && !one.heat) parts.push(make("p", { class: "note" }, "This model gives no reason."));
  return parts.length ? make("div", {}, ...parts) : null;
}

byId("command").textContent = byId("command").textContent.replace("http://127.0.0.1:8000", location.origin);
