// Names, labels, landmarks, headings, targets, and the contrast of every visible text as it is really painted.
const complaints = [];
const say = (what, element) => complaints.push(what + ": " + element.outerHTML.slice(0, 120));
const visible = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.getClientRects().length > 0;
const name = (element) => (element.getAttribute("aria-label") || [...(element.labels || [])].map((label) => label.textContent).join(" ") ||
  (element.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean).map((id) => document.getElementById(id)?.textContent || "").join(" ") ||
  element.textContent || element.title || "").trim();

for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href], summary, meter, [role=region]")) {
  if (!name(element)) say("no name", element);
}
for (const image of document.querySelectorAll("img:not([alt])")) say("no alternative text", image);
for (const svg of document.querySelectorAll("svg")) {
  if (svg.getAttribute("aria-hidden") !== "true" && !svg.getAttribute("aria-label")) say("picture without a name", svg);
}
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) complaints.push("id twice: " + id);
if (document.querySelectorAll("main").length !== 1) complaints.push("there must be one main");
if (document.querySelectorAll("h1").length !== 1) complaints.push("there must be one h1");
if (!document.documentElement.lang) complaints.push("the page has no language");
for (const part of document.querySelectorAll("body > :not(header):not(main):not(footer):not(a.skip):not(dialog)")) say("outside the landmarks", part);
let level = 0;
for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
  const own = Number(heading.tagName[1]);
  if (own > level + 1) say("heading skips a level", heading);
  level = own;
}
for (const region of document.querySelectorAll("main *")) {
  const style = getComputedStyle(region);
  const scrolls = /(auto|scroll)/.test(style.overflowX + style.overflowY) && (region.scrollWidth > region.clientWidth + 1 || region.scrollHeight > region.clientHeight + 1);
  if (scrolls && visible(region) && region.tabIndex < 0 && !/^(TEXTAREA|SELECT)$/.test(region.tagName)) say("scrolls, but not from the keyboard", region);
}
for (const target of document.querySelectorAll("button, summary, nav a, input:not([type=hidden]):not([type=checkbox]), select")) {
  const box = target.getBoundingClientRect();
  if (visible(target) && (box.height < 24 || box.width < 24) && !target.matches(".args > summary, .value > summary, .shown summary, .long > summary, .scrubber a, .paging a")) say("target under 24 px", target);
}

const parse = (colour) => {
  const numbers = (colour.match(/-?[\d.]+(e-?\d+)?/g) || []).map(Number);
  const scale = colour.startsWith("color(") ? 255 : 1;
  return { r: numbers[0] * scale, g: numbers[1] * scale, b: numbers[2] * scale, a: numbers.length > 3 ? numbers[3] : 1 };
};
const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1 });
const ground = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.a > 0) layers.push(colour);
    if (colour.a === 1) break;
  }
  return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
};
const light = ({ r, g, b }) => {
  const part = (value) => { const share = value / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !visible(element) || element.closest("svg, .unseen, .skip, option")) continue;
  const style = getComputedStyle(element);
  const back = ground(element);
  const front = over(parse(style.color), back);
  const [low, high] = [light(front), light(back)].sort((one, two) => one - two);
  const ratio = (high + 0.05) / (low + 0.05);
  const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (isLarge ? 3 : 4.5)) say("contrast " + ratio.toFixed(2) + " of “" + walker.currentNode.textContent.trim().slice(0, 30) + "”", element);
}
return complaints;
