/** @import { Listener, Recognizer } from "./types.js" */
import { App } from "./app.js";
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
  if (app.phase === "loading" || app.isInSession) return;
  await app.start(new CameraSource());
}

/** @param {App} app @param {FileList | null | undefined} files */
async function useFile(app, files) {
  const chosen = [...(files ?? [])];
  // So that the same file can be chosen again.
  file.value = "";
  if (chosen.length === 0) return;
  if (app.isInSession) {
    view.showMessage("End this session first (E), so that it is not lost; then choose the video again.");
  } else if (chosen.length > 1) {
    view.showMessage(`${chosen.length} files at once. Choose one video at a time.`);
  } else {
    await app.start(new FileSource(chosen[0]));
  }
}

/** @param {App} app @param {string} type @param {string} content */
function save(app, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: `text/${type}` }));
  link.download = `exercise-${app.record.startedAt.slice(0, 16).replaceAll(":", "-")}.${type}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** What a person chose, for the next visit; nothing else is kept. */
const THEME = "theme";

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // Without storage the next visit begins as the device is set.
  }
  element("theme").setAttribute("aria-pressed", String(isDark()));
}

function restoreTheme() {
  try {
    const theme = localStorage.getItem(THEME);
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // As above.
  }
}

/** @param {App} app */
function listenToButtons(app) {
  onClick("camera-start", () => useCamera(app));
  onClick("file-start", () => file.click());
  onClick("cancel", () => app.cancel());
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
  navigator.mediaDevices?.addEventListener?.("devicechange", () => app.camerasChanged());
  document.addEventListener("visibilitychange", () => app.visibilityChanged(document.visibilityState === "hidden"));
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
  restoreTheme();
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
  }
}

main();
