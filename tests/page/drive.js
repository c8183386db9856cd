// Uses a page as a reader would; its value is what the page shows.
(async () => {
  const said = {}, $ = (id) => document.getElementById(id);
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const blobs = [], make = URL.createObjectURL;
  URL.createObjectURL = (blob) => { blobs.push(blob); return make(blob); };
  HTMLAnchorElement.prototype.click = () => {};
  {
    await frame();
    const state = window.smale.state();
    said.title = document.querySelector("h1").textContent;
    said.figures = document.querySelectorAll("#gallery figure").length;
    // A picture is there as soon as it is looked at.
    said.images = 0;
    for (const image of document.querySelectorAll("#gallery img")) {
      image.scrollIntoView();
      for (let k = 0; k < 400 && !image.naturalWidth; k++) await new Promise((done) => setTimeout(done, 25));
      said.images += image.naturalWidth > 0 ? 1 : 0;
    }
    if (!$("graph").hidden) {
      said.ids = state.ids;
      said.portrait = state.portrait;
      said.axes = state.axes;
      said.orbits = state.orbits;
      window.smale.choose(state.ids[0]);
      $("portrait").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
      said.next = window.smale.state().chosen;
      await frame();
      const g = $("connections").getContext("2d"), pixels = g.getImageData(0, 0, $("connections").width, $("connections").height).data;
      said.drawn = pixels.some((v) => v > 0);
    }
    if (!$("along").hidden) {
      said.intervals = [];
      for (let k = 0; k <= +$("slider").max; k++) {
        $("slider").value = k;
        $("slider").dispatchEvent(new Event("input"));
        said.intervals.push({ nodes: window.smale.state().nodes, edges: window.smale.state().edges, words: $("interval").textContent });
      }
      const event = $("events").querySelector("button");
      if (event) { event.click(); said.jumped = +$("slider").value; }
    }
    if (!$("tables").hidden) {
      $("tables").scrollIntoView();
      for (let k = 0; k < 400 && !$("table").firstChild; k++) await new Promise((done) => setTimeout(done, 25));
      const heads = () => [...$("table").querySelectorAll("th button")].map((b) => b.textContent);
      const column = (k) => [...$("table").querySelectorAll("tbody tr")].map((tr) => tr.children[k].textContent);
      said.table = $("which").value;
      said.heads = heads();
      const k = Math.max(heads().indexOf("energy"), 0), sort = () => $("table").querySelectorAll("th button")[k].click();
      sort();
      said.up = column(k);
      sort();
      said.down = column(k);
      $("download").click();
      said.download = await blobs[blobs.length - 1].text();
    }
  }
  return said;
})()
