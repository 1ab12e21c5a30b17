// The threshold of a genre: precision, recall, and the films gained and lost against the model's own threshold.
{
  const holder = document.getElementById("threshold-data");
  if (holder) {
    const { thresholds, genres } = JSON.parse(holder.textContent);
    const films = (number) => `${number} ${number === 1 ? "film" : "films"}`;
    const share = (part, whole) => (whole ? `${Math.round((100 * part) / whole)}\u00a0%` : "–");
    for (const form of document.querySelectorAll("form.slider")) {
      const [model, slide, said] = ["select", "input", "output"].map((tag) => form.querySelector(tag));
      const { films: total, models } = genres[form.dataset.genre];
      const say = () => {
        const own = models[model.value], place = Number(slide.value) - 1;
        const [named, right] = own.answers[place], [before, hits] = own.tuned;
        slide.setAttribute("aria-valuetext", thresholds[place].toFixed(2));
        const more = named - before, change = right - hits;
        const inUse = own.threshold.toFixed(2);
        const moved = more === 0 && change === 0 ? `As many as at ${inUse}, the threshold in use`
          : `Against ${inUse}, in use: ` + (more >= 0 ? `${films(more)} gained, ${change} of them right`
          : `${films(-more)} lost, ${-change} of them right`);
        said.textContent = `From ${thresholds[place].toFixed(2)} on: ${films(named)} named, ${right} right. `
          + `Precision ${share(right, named)}, recall ${share(right, total)}. ${moved}.`;
      };
      const start = () => {
        slide.value = Math.max(1, Math.min(99, Math.round(100 * models[model.value].threshold)));
        say();
      };
      form.hidden = false;
      form.addEventListener("submit", (event) => event.preventDefault());
      slide.addEventListener("input", say);
      model.addEventListener("input", start);
      start();
    }
  }
}
