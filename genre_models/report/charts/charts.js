// The values of charts by mouse, touch and keyboard: a chart takes the focus, arrow keys walk over its marks.
{
  const bubble = document.createElement("div");
  bubble.className = "bubble";
  bubble.setAttribute("aria-live", "polite");
  document.body.append(bubble);
  let shown = null;
  const hide = () => {
    shown?.classList.remove("shown");
    shown = null;
    bubble.textContent = "";
  };
  const show = (mark) => {
    if (mark === shown) return;
    hide();
    shown = mark;
    mark.classList.add("shown");
    bubble.textContent = mark.dataset.says;
    const at = mark.getBoundingClientRect(), size = bubble.getBoundingClientRect();
    const left = at.left + at.width / 2 - size.width / 2;
    bubble.style.left = `${Math.max(4, Math.min(left, document.documentElement.clientWidth - size.width - 4))}px`;
    bubble.style.top = `${at.top - size.height - 6 < 0 ? at.bottom + 6 : at.top - size.height - 6}px`;
  };
  for (const mark of document.querySelectorAll("svg.figure .value")) {
    const title = mark.querySelector("title");
    mark.dataset.says = title.textContent;
    title.remove();
  }
  for (const chart of document.querySelectorAll("svg.figure")) {
    if (!chart.querySelector(".value")) continue;
    chart.setAttribute("tabindex", "0");
    chart.setAttribute("focusable", "true");
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === "Escape") hide();
      if (step === undefined) return;
      event.preventDefault();
      const marks = [...chart.querySelectorAll(".value")].filter((mark) => mark.getBoundingClientRect().width);
      const now = marks.indexOf(shown);
      show(marks[Math.max(0, Math.min(marks.length - 1, now < 0 ? 0 : now + step))]);
    });
    chart.addEventListener("blur", hide);
    for (const kind of ["pointerover", "click"]) {
      chart.addEventListener(kind, (event) => {
        const mark = event.target.closest(".value");
        if (mark) show(mark);
        else if (kind === "click") hide();
      });
    }
    chart.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  }
  addEventListener("scroll", hide, { passive: true });
}
