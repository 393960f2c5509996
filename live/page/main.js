/** @import { Listener, Recognizer } from "./types.js" */
import { App } from "./app.js";
import { listCameras } from "./camera.js";
import { SessionRecord } from "./record.js";
import { ServerRecognizer } from "./server.js";
import { CameraSource, FileSource } from "./sources.js";
import { View, element } from "./view.js";

const isInPage = document.querySelector('meta[name="recognizer"]')?.getAttribute("content") === "page";
const view = new View();
const file = /** @type {HTMLInputElement} */ (element("file"));
const help = /** @type {HTMLDialogElement} */ (element("help"));

/** @param {string} id @param {() => void} action */
function onClick(id, action) {
  element(id).addEventListener("click", action);
}

/** @param {string} id @param {(input: HTMLInputElement) => void} action */
function onChange(id, action) {
  const input = /** @type {HTMLInputElement} */ (element(id));
  input.addEventListener("change", () => action(input));
}

/** @param {App} app */
async function useCamera(app) {
  if (app.phase === "running" || app.phase === "paused") return;
  await app.start(new CameraSource());
  await showCameras();
}

async function showCameras() {
  const select = /** @type {HTMLSelectElement} */ (element("cameras"));
  const chosen = select.value;
  select.replaceChildren(...(await listCameras()).map(({ id, name }) => new Option(name, id)));
  if (chosen) select.value = chosen;
}

/** @param {App} app @param {FileList | null | undefined} files */
async function useFile(app, files) {
  if (files?.length) await app.start(new FileSource(files[0]));
  // So that the same file can be chosen again.
  file.value = "";
}

/** @param {App} app @param {string} type @param {string} content */
function save(app, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: `text/${type}` }));
  link.download = `exercise-${app.record.startedAt.slice(0, 16).replaceAll(":", "-")}.${type}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  element("theme").setAttribute("aria-pressed", String(isDark()));
}

/** @param {App} app */
function listenToButtons(app) {
  onClick("camera-start", () => useCamera(app));
  onClick("file-start", () => file.click());
  onClick("pause", () => app.pauseOrGoOn());
  onClick("end", () => app.end());
  onClick("again", () => view.showPhase((app.phase = "start")));
  onClick("save-csv", () => save(app, "csv", app.record.toCsv()));
  onClick("save-json", () => save(app, "json", app.record.toJson()));
  onClick("theme", toggleTheme);
  onClick("help-open", () => help.showModal());
  onClick("help-close", () => help.close());
  onChange("file", () => useFile(app, file.files));
  onChange("mirror", ({ checked }) => app.setMirrored(checked));
  onChange("graphics", ({ checked }) => app.useGraphicsChip(checked));
  onChange("cameras", ({ value }) => app.changeCamera(value));
  onChange("num-people", ({ value }) => app.setNumPeople(Number(value)));
  navigator.mediaDevices?.addEventListener?.("devicechange", showCameras);
}

/** @param {App} app */
function listenToKeys(app) {
  const mirror = /** @type {HTMLInputElement} */ (element("mirror"));
  /** @type {Record<string, () => void>} */
  const actions = {
    " ": () => app.pauseOrGoOn(),
    e: () => app.end(),
    c: () => useCamera(app),
    v: () => file.click(),
    m: () => mirror.click(),
    d: toggleTheme,
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const isOn = /** @type {HTMLInputElement} */ (element("keys")).checked;
    if (!isOn || help.open || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    // What has the focus uses its keys itself.
    if (target.closest("select, input") || (event.key === " " && target.closest("button, summary"))) return;
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** @param {App} app */
function listenToDrops(app) {
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    useFile(app, event.dataTransfer?.files);
  });
}

/** @returns {Promise<(listener: Listener) => Recognizer>} */
async function recognizerMaker() {
  if (isInPage) {
    const { PageRecognizer } = await import("./recognizer/page_recognizer.js");
    return (listener) => new PageRecognizer(listener);
  }
  return (listener) => new ServerRecognizer(listener);
}

async function main() {
  document.documentElement.dataset.recognizer = isInPage ? "page" : "server";
  element("theme").setAttribute("aria-pressed", String(isDark()));
  view.showPhase("start");
  if (typeof WebAssembly !== "object") {
    view.showMessage("This browser has no WebAssembly, which finds the body in a picture. Use a current browser, or allow it.");
    return;
  }
  const app = new App(view, await recognizerMaker(), isInPage);
  listenToButtons(app);
  listenToKeys(app);
  listenToDrops(app);
  document.documentElement.dataset.ready = "true";
  addEventListener("pagehide", () => app.store());
  const before = SessionRecord.restore();
  if (before) {
    // The page was loaded again while the camera ran.
    await app.start(new CameraSource(), before);
    await showCameras();
  }
}

main();
