// The heat of a poster's regions, 0 to 1 in rows: nothing, yellow to red where they speak for a genre.
function heatCanvas(values) {
  const canvas = document.createElement("canvas"), colours = [[255, 236, 61], [255, 150, 20], [214, 24, 24]];
  [canvas.width, canvas.height] = [values[0].length, values.length];
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d"), pixels = context.createImageData(canvas.width, canvas.height);
  values.flat().forEach((value, i) => {
    const step = Math.min(1, Math.floor(2 * value)), part = 2 * value - step;
    const colour = colours[step].map((from, channel) => from + part * (colours[step + 1][channel] - from));
    pixels.data.set([...colour, 255 * 0.75 * value], 4 * i);
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}
// An overview's words in a list of [word, weight]: those that speak for a genre and against it are marked.
function markedWords(words) {
  const text = document.createElement("p"), strongest = Math.max(...words.map(([, weight]) => Math.abs(weight)), 1e-9);
  text.className = "marked";
  for (const [word, weight] of words) {
    const strength = Math.abs(weight) / strongest;
    if (strength >= 0.1) {
      const mark = document.createElement("mark");
      mark.textContent = word;
      mark.style.setProperty("--strength", strength.toFixed(2));
      if (weight < 0) mark.className = "against";
      text.append(mark, " ");
    } else text.append(`${word} `);
  }
  return text;
}
