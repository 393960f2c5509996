/** @import { LinkState, PersonAnswer } from "./types.js" */
/** @import { Segment, SessionRecord } from "./record.js" */
/** @import { Speed } from "./speed.js" */
import { advice, amount, clock, duration, exerciseName, title } from "./words.js";

/** @typedef {"start" | "loading" | "running" | "paused" | "done"} Phase */

/** A timeline is at least so long. */
const MIN_TIMELINE_MS = 60_000;
/** Angle between two neighbours' colours: no two of many are alike. */
const HUE_STEP_DEGREES = 137.5;
/** What is said before the first answer. @type {PersonAnswer} */
const WATCHING = {
  person: 0,
  exercise: null,
  probability: null,
  status: "warming_up",
  hint: null,
  repetitions: null,
  held_s: null,
};
const LINK_WORDS = { connecting: "Connecting …", ready: "Connected", lost: "No connection", refused: "Not connected" };

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element "${id}"`);
  return /** @type {T} */ (found);
}

/** What the page shows. It knows nothing of cameras and recognisers. */
export class View {
  #announced = "";
  #announcedAmount = "";
  /** @type {string[]} */ #labels = [];

  /** @param {Phase} phase */
  showPhase(phase) {
    document.documentElement.dataset.phase = phase;
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-when]"))) {
      part.hidden = !part.dataset.when?.split(" ").includes(phase);
    }
    element("pause").textContent = phase === "paused" ? "Go on" : "Pause";
    // The button that had the focus may be gone: the keyboard goes on with the next thing to do.
    if (document.activeElement === document.body || !document.activeElement?.checkVisibility()) {
      const next = document.querySelector(`[data-when~="${phase}"] button.primary, [data-when~="${phase}"] button`);
      /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
    }
  }

  /** Words about what is wrong; none takes them away. @param {string} [text] */
  showMessage(text = "") {
    const message = element("message");
    message.hidden = !text;
    if (message.textContent !== text) message.textContent = text;
  }

  /** What is being waited for; nothing: the pose model. @param {string} words */
  showLoading(words = "") {
    element("loading-what").hidden = Boolean(words);
    element("loading-source").textContent = words;
    element("progress").hidden = Boolean(words);
  }

  /** @param {boolean} isCamera */
  showSource(isCamera) {
    element("camera-choice").hidden = !isCamera;
    element("mirror-choice").hidden = !isCamera;
  }

  /** @param {{id: string, name: string}[]} cameras @param {string} chosen by its id; empty: as before */
  showCameras(cameras, chosen) {
    const select = /** @type {HTMLSelectElement} */ (element("cameras"));
    const before = chosen || select.value;
    select.replaceChildren(...cameras.map(({ id, name }) => new Option(name, id)));
    if (cameras.some(({ id }) => id === before)) select.value = before;
  }

  /** @param {boolean} isOn */
  showGraphicsChip(isOn) {
    /** @type {HTMLInputElement} */ (element("graphics")).checked = isOn;
  }

  /** @param {number} share 0 to 1 */
  showProgress(share) {
    /** @type {HTMLProgressElement} */ (element("progress")).value = share;
  }

  /** Nothing is connected any more. */
  hideLink() {
    element("link").textContent = "";
  }

  /** @param {LinkState} link @param {boolean} isInPage no server is needed */
  showLink({ state, message }, isInPage) {
    const link = element("link");
    link.dataset.state = state;
    link.textContent = isInPage && state === "ready" ? "In this browser" : LINK_WORDS[state];
    this.showMessage(message);
  }

  /** @param {Speed} speed @param {number} frameRateHz of the grid */
  showSpeed(speed, frameRateHz) {
    const words = `${speed.framesPerSecond.toFixed(0)} frames a second, ${speed.medianMs.toFixed(0)} ms each.`;
    const more = " Too few for good answers: close other programs, or try the graphics chip.";
    element("rate").textContent = speed.isSlow(frameRateHz) ? words + more : words;
  }

  /** @param {number} maxPeople @param {number} chosen */
  showMaxPeople(maxPeople, chosen) {
    element("people-choice").hidden = maxPeople < 3;
    const select = /** @type {HTMLSelectElement} */ (element("num-people"));
    select.replaceChildren(...Array.from({ length: maxPeople - 1 }, (_, index) => new Option(`${index + 2}`, `${index + 2}`)));
    select.value = String(chosen);
  }

  /** @param {string[]} labels */
  showLabels(labels) {
    this.#labels = labels;
    element("labels").textContent = labels
      .filter((label) => label !== "none")
      .map((label) => exerciseName(label).toLowerCase())
      .join(", ");
  }

  /** Before the first answer. */
  showWatching() {
    this.showAnswers([WATCHING]);
  }

  /** @param {PersonAnswer[]} answers; nobody where it is empty */
  showAnswers(answers) {
    /** @type {PersonAnswer[]} */
    const people = answers.length ? answers : [{ ...WATCHING, status: "no_person" }];
    const cards = element("people");
    while (cards.children.length > people.length) cards.lastElementChild?.remove();
    while (cards.children.length < people.length) {
      const template = /** @type {HTMLTemplateElement} */ (element("person"));
      cards.append(template.content.cloneNode(true));
    }
    people.forEach((answer, index) => {
      const card = /** @type {HTMLElement} */ (cards.children[index]);
      fillCard(card, answer, people.length > 1);
    });
    this.#announce(people);
  }

  /** Tells screen readers what has changed. @param {PersonAnswer[]} people */
  #announce(people) {
    const titles = people.map((answer) => withNumber(title(answer), answer, people.length)).join(". ");
    const amounts = people
      .filter((answer) => answer.status === "exercise")
      .map((answer) => withNumber(amount(answer)?.number ?? "", answer, people.length))
      .join(". ");
    if (titles !== this.#announced) {
      element("announce").textContent = titles;
    } else if (amounts !== this.#announcedAmount && people.every((answer) => answer.held_s === null)) {
      // Seconds of a hold would never end.
      element("announce").textContent = amounts;
    }
    this.#announced = titles;
    this.#announcedAmount = amounts;
  }

  /** @param {SessionRecord} record */
  showSession(record) {
    const segments = record.segments();
    element("elapsed").textContent = clock(record.lengthMs);
    this.#drawTimeline(element("timeline"), segments, record.lengthMs);
    this.#listSegments(element("segments"), segments.toReversed());
  }

  /** @param {SessionRecord} record */
  showSummary(record) {
    const segments = record.segments();
    const totals = record.totals();
    const body = /** @type {HTMLTableElement} */ (element("totals")).tBodies[0];
    body.replaceChildren(
      ...totals.map(({ exercise, sets, repetitions, seconds }) => {
        const row = document.createElement("tr");
        for (const text of [exerciseName(exercise), sets, repetitions ?? "–", clock(1000 * seconds)]) {
          row.append(made("td", "", String(text)));
        }
        return row;
      }),
    );
    element("totals").hidden = totals.length === 0;
    const repetitions = totals.reduce((sum, total) => sum + (total.repetitions ?? 0), 0);
    element("summary-words").textContent = totals.length
      ? `${totals.length === 1 ? "1 exercise" : `${totals.length} exercises`}, ${repetitions} repetitions, in ${duration(record.lengthMs)}.`
      : "No exercise was recognised. Show your whole body, from the front or from the side, for some seconds.";
    this.#drawTimeline(element("summary-timeline"), segments, record.lengthMs);
    this.#listSegments(element("summary-segments"), segments);
    element("summary").focus();
  }

  /** @param {HTMLElement} timeline @param {Segment[]} segments @param {number} lengthMs */
  #drawTimeline(timeline, segments, lengthMs) {
    const whole = Math.max(MIN_TIMELINE_MS, lengthMs);
    timeline.replaceChildren(
      ...segments.map(({ exercise, start_ms, end_ms }) => {
        const stretch = made("div", "stretch", exerciseName(exercise));
        stretch.style.left = `${(100 * start_ms) / whole}%`;
        stretch.style.width = `${(100 * (end_ms - start_ms)) / whole}%`;
        stretch.style.background = this.#colour(exercise);
        return stretch;
      }),
    );
    const words = segments.map(({ exercise, start_ms }) => `${exerciseName(exercise)} at ${clock(start_ms)}`);
    timeline.setAttribute("aria-label", words.length ? `Timeline: ${words.join(", ")}` : "Timeline: nothing yet");
  }

  /** @param {HTMLElement} list @param {Segment[]} segments */
  #listSegments(list, segments) {
    if (segments.length === 0) {
      list.replaceChildren(made("li", "none", "No exercise yet."));
      return;
    }
    const several = segments.some(({ person }) => person > 0);
    list.replaceChildren(
      ...segments.map((segment) => {
        const item = document.createElement("li");
        const dot = made("span", "dot", "");
        dot.style.background = this.#colour(segment.exercise);
        const done = amount(segment);
        const who = several ? ` (person ${segment.person + 1})` : "";
        item.append(
          made("span", "when", clock(segment.start_ms)),
          dot,
          made("span", "", exerciseName(segment.exercise) + who),
          made("span", "", done ? `${done.number} ${done.unit}` : clock(segment.end_ms - segment.start_ms)),
        );
        return item;
      }),
    );
  }

  /** @param {string} exercise */
  #colour(exercise) {
    const index = Math.max(0, this.#labels.indexOf(exercise));
    return `hsl(${(160 + index * HUE_STEP_DEGREES) % 360} 62% 66%)`;
  }
}

/** @param {HTMLElement} card @param {PersonAnswer} answer @param {boolean} isNumbered */
function fillCard(card, answer, isNumbered) {
  /** @param {string} name @param {string} text */
  const fill = (name, text) => {
    const part = /** @type {HTMLElement} */ (card.querySelector(`.${name}`));
    if (part.textContent !== text) part.textContent = text;
    return part;
  };
  card.dataset.status = answer.status;
  const isExercise = answer.status === "exercise";
  const done = isExercise ? amount(answer) : null;
  fill("who", isNumbered ? `Person ${answer.person + 1}` : "");
  fill("exercise", title(answer));
  fill("number", done?.number ?? "");
  fill("unit", done?.unit ?? "");
  const percent = isExercise && answer.probability !== null ? Math.round(100 * answer.probability) : null;
  fill("percent", percent === null ? "" : `${percent} %`);
  const level = /** @type {HTMLElement} */ (card.querySelector(".level"));
  level.style.width = `${percent ?? 0}%`;
  fill("advice", advice(answer));
}

/** @param {string} text @param {PersonAnswer} answer @param {number} numPeople */
function withNumber(text, answer, numPeople) {
  return numPeople > 1 && text ? `Person ${answer.person + 1}: ${text}` : text;
}

/** @param {string} tag @param {string} className @param {string} text */
function made(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  return node;
}
