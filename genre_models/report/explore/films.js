// All films: search, filters, order, and a dialog that opens with a film.
{
  const at = (id) => document.getElementById(id), holder = at("films-data");
  if (holder) {
    const { genres, models, films } = JSON.parse(holder.textContent);
    const tiles = [...document.querySelectorAll(".tiles li")], list = document.querySelector(".tiles");
    const form = document.querySelector(".filters"), dialog = at("film"), body = dialog.querySelector(".body");
    const fields = ["words", "genre", "judge", "outcome", "order", "suspect"].map(at);
    const [words, genre, judge, outcome, order, suspect] = fields;
    const texts = films.map((film) => `${film.id} ${film.overview}`.toLowerCase());
    const PAGE = 120;
    let matching = films.map((_, place) => place), most = PAGE, open = -1, opener = null;
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());

    const show = () => {
      const shown = new Set(matching.slice(0, most));
      tiles.forEach((tile, place) => { tile.hidden = !shown.has(place); });
      document.querySelector(".more").hidden = matching.length <= most;
    };
    const filter = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean), g = genres.indexOf(genre.value);
      const m = models.findIndex((model) => model.key === judge.value);
      matching = films.map((_, place) => place).filter((place) => {
        const film = films[place], found = film.found[m];
        return wanted.every((word) => texts[place].includes(word)) && (g < 0 || film.genres.includes(g))
          && (!outcome.value || (found !== null && (outcome.value === "right" ? found > 0.999 : found < 0.334)))
          && (!suspect.checked || film.suspects.length);
      });
      if (order.value === "id") matching.sort((a, b) => films[a].id.localeCompare(films[b].id, "en", { numeric: true }));
      list.append(...matching.map((place) => tiles[place]));
      most = PAGE;
      show();
      at("matches").textContent = `${matching.length} of ${films.length} films`;
    };
    for (const field of fields) field.addEventListener("input", filter);
    at("more").addEventListener("click", () => { most += PAGE; show(); });

    const element = (tag, text, kind) => {
      const made = document.createElement(tag);
      if (text !== undefined) made.textContent = text;
      if (kind) made.className = kind;
      return made;
    };
    const link = (g) => {
      const made = element("a", genres[g]);
      made.href = `#genre-${g}`;
      made.addEventListener("click", () => dialog.close());
      return made;
    };
    const scoresOf = (film) => {
      const bytes = Uint8Array.from(atob(film.scores), (letter) => letter.charCodeAt(0));
      const view = new DataView(bytes.buffer);
      return models.map((_, m) => genres.map((_, g) => view.getUint16(2 * (m * genres.length + g), true) / 65535));
    };
    const percent = (p) => `${Math.round(100 * p)}\u00a0%`;
    const table = (film, by) => {
      const scores = scoresOf(film), kept = new Set(film.genres);
      for (const own of scores) [...own.keys()].sort((a, b) => own[b] - own[a]).slice(0, 3).forEach((g) => kept.add(g));
      const mean = (g) => scores.reduce((sum, own) => sum + own[g], 0);
      const rows = [...kept].sort((a, b) => film.genres.includes(b) - film.genres.includes(a) || mean(b) - mean(a));
      const made = element("table", undefined, "scores"), head = made.createTHead().insertRow(), foot = made.createTBody();
      head.append(element("th", "genre"));
      head.firstChild.scope = "col";
      const first = [...models.keys()].sort((a, b) => (models[b].key === by) - (models[a].key === by));
      for (const model of first.map((m) => models[m])) {
        const cell = element("th");
        cell.scope = "col";
        cell.style.setProperty("--model", model.css);
        const mark = element("span", model.sign, "mark");
        mark.setAttribute("aria-hidden", "true");
        cell.append(mark, `\u00a0${model.label}`);
        head.append(cell);
      }
      for (const g of rows) {
        const row = foot.insertRow(), name = element("th");
        name.scope = "row";
        name.append(link(g));
        if (film.genres.includes(g)) row.className = "true";
        row.append(name);
        first.forEach((m) => {
          const model = models[m], p = scores[m][g], cell = row.insertCell(), bar = element("span", undefined, "bar"), fill = element("span");
          cell.style.setProperty("--model", model.css);
          if (model.thresholds[g] !== null && p >= model.thresholds[g]) cell.className = "named";
          fill.style.width = `${100 * p}%`;
          bar.append(fill);
          cell.append(percent(p), bar);
        });
      }
      const scroll = element("div", undefined, "scroll");
      scroll.tabIndex = 0;
      scroll.setAttribute("role", "region");
      scroll.setAttribute("aria-label", "Probabilities");
      scroll.append(made);
      const part = element("div", undefined, "wide");
      part.append(element("p", "How probable each genre is to each model. ✓: the film has it. Bold: the model names it.", "note"), scroll);
      return part;
    };
    // Why a genre, by one model at a time: its heat goes on the poster, its words below.
    const why = (film, poster, by) => {
      const part = element("div", undefined, "wide why"), choice = element("div", undefined, "choice"), reason = element("div");
      choice.setAttribute("role", "group");
      choice.setAttribute("aria-label", "Model");
      const tell = (one) => {
        for (const button of choice.children) button.setAttribute("aria-pressed", String(button.dataset.model === one.key));
        poster.querySelector("canvas")?.remove();
        poster.classList.toggle("hot", Boolean(one.heat));
        reason.replaceChildren(element("h4", `Why ${one.genre}, by ${one.label} (${percent(one.probability)})`));
        if (one.poster_share !== null && one.poster_share !== undefined)
          reason.append(element("p", `${percent(one.poster_share)} of it from the poster, the rest from the overview.`, "note"));
        if (one.heat) {
          const cold = one.heat.flat().every((value) => value === 0);
          reason.append(element("p", cold ? `Nothing on the poster speaks for ${one.genre}.` : "On the poster: yellow to red speaks for it, the redder the more.", "note"));
          poster.append(heatCanvas(one.heat));
        }
        if (one.words.length)
          reason.append(element("p", "Green and underlined: words for it. Orange and dotted: against it.", "note"), markedWords(one.words));
      };
      for (const one of film.why) {
        const model = models.find(({ key }) => key === one.key), button = element("button");
        const mark = element("span", model.sign, "mark");
        mark.setAttribute("aria-hidden", "true");
        button.type = "button";
        button.dataset.model = one.key;
        button.style.setProperty("--model", model.css);
        button.append(mark, `\u00a0${model.label}`);
        button.addEventListener("click", () => tell(one));
        choice.append(button);
      }
      part.append(choice, reason);
      tell(film.why.find((one) => one.key === by) ?? film.why[0]);
      return part;
    };
    const show_film = (place, by = judge.value) => {
      const film = films[place], tile = tiles[place].querySelector("img");
      open = matching.indexOf(place);
      at("film-title").textContent = film.id;
      const inside = element("div", undefined, "opened"), left = element("div", undefined, "poster"), right = element("div");
      if (tile) {
        const poster = element("img");
        poster.src = tile.src;
        poster.alt = `Poster of ${film.id}`;
        left.append(poster);
      } else left.append(element("div", "no poster", "no-poster"));
      const truth = element("ul", undefined, "chips");
      for (const g of film.genres) { const chip = element("li"); chip.append(link(g)); truth.append(chip); }
      right.append(truth, element("p", film.overview || "no overview"));
      for (const [g, kind] of film.suspects) {
        right.append(element("p", kind === "missing"
          ? `All models name ${genres[g]}; the film is not listed with it.`
          : `The film is listed with ${genres[g]}; no model thinks it likely.`, "note"));
      }
      inside.append(left, right);
      if (film.why.length) inside.append(why(film, left, by));
      inside.append(table(film, by));
      body.replaceChildren(inside);
      at("before").disabled = open < 1;
      at("after").disabled = open < 0 || open >= matching.length - 1;
      if (!dialog.open) dialog.showModal();
      dialog.scrollTop = 0;
    };
    list.addEventListener("click", (event) => {
      const tile = event.target.closest("li");
      if (!tile) return;
      opener = tile.querySelector("button");
      show_film(Number(tile.dataset.film));
    });
    at("close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => opener?.focus());
    const move = (step) => { if (matching[open + step] !== undefined) show_film(matching[open + step]); };
    at("before").addEventListener("click", () => move(-1));
    at("after").addEventListener("click", () => move(1));
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest(".scroll")) return;
      if (event.key === "ArrowLeft") move(-1);
      if (event.key === "ArrowRight") move(1);
    });
    // A link to the films of a genre sets the filter; one to a film opens it.
    for (const anchor of document.querySelectorAll("a[data-genre]")) {
      anchor.addEventListener("click", () => {
        words.value = outcome.value = "";
        suspect.checked = false;
        genre.value = anchor.dataset.genre;
        if (anchor.dataset.model) judge.value = anchor.dataset.model;
        filter();
      });
    }
    const places = new Map(films.map((film, place) => [film.id, place]));
    for (const link of document.querySelectorAll("[data-open]")) {
      const place = places.get(link.dataset.open);
      if (place === undefined) continue;
      link.hidden = false;
      link.addEventListener("click", (event) => {
        event.preventDefault();
        opener = link;
        show_film(place, link.dataset.judge);
      });
    }
    show();
  }
}
