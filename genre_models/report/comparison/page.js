// A link to a folded part opens it, also where the browser does not do so itself.
{
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    let folded = target.closest("details");
    while (folded) {
      folded.open = true;
      folded = folded.parentElement.closest("details");
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  for (const anchor of document.querySelectorAll('a[href^="#"]')) {
    anchor.addEventListener("click", (event) => event.defaultPrevented || setTimeout(open));
  }
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details.part")) folded.open = true;
  });
  open();
}
