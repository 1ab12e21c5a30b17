const field = document.querySelector("#search"), said = document.querySelector("#matches");
const films = [...document.querySelectorAll("article.film")];
const texts = films.map((film) => film.textContent.toLowerCase());
field.closest("form").hidden = false;
field.closest("form").addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  films.forEach((film, place) => {
    const found = words.every((word) => texts[place].includes(word));
    film.hidden = !found;
    shown += found;
  });
  said.textContent = words.length ? `${shown} of ${films.length} films` : "";
});
