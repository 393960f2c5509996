/** @import { LinkState, PersonAnswer } from "./types.js" */
/** @import { Segment, SessionRecord, Total } from "./record.js" */
/** @import { Speed } from "./speed.js" */
import { personColour } from "./people.js";
import { advice, amount, clock, duration, exerciseName, exerciseWords, title, useShownNames } from "./words.js";

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
  /** Several people are followed, and are told apart by numbers. */
  #isSeveral = false;
  #shownSession = "";
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
    // What was wrong stays until it is right again.
    if (state !== "connecting") this.showMessage(message);
  }

  /** @param {Speed} speed @param {number} frameRateHz that is needed */
  showSpeed(speed, frameRateHz) {
    const words = `${speed.framesPerSecond.toFixed(0)} frames a second, ${speed.medianMs.toFixed(0)} ms each.`;
    const more = " Too few for good answers: close other programs, or try the graphics chip.";
    element("rate").textContent = speed.isSlow(frameRateHz) ? words + more : words;
  }

  /** @param {number} maxPeople @param {number} chosen */
  showMaxPeople(maxPeople, chosen) {
    this.#isSeveral = maxPeople > 1;
    element("people-choice").hidden = maxPeople < 3;
    const select = /** @type {HTMLSelectElement} */ (element("num-people"));
    select.replaceChildren(...Array.from({ length: maxPeople - 1 }, (_, index) => new Option(`${index + 2}`, `${index + 2}`)));
    select.value = String(chosen);
  }

  /** @param {string[]} labels @param {Record<string, string>} shownNames */
  showLabels(labels, shownNames) {
    this.#labels = labels;
    useShownNames(shownNames);
    element("labels").textContent = labels
      .filter((label) => label !== "none")
      .map((label) => exerciseWords(label))
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
      fillCard(card, answer, this.#isSeveral);
    });
    this.#announce(people);
  }

  /** Tells screen readers what has changed. @param {PersonAnswer[]} people */
  #announce(people) {
    const titles = people.map((answer) => this.#withNumber(title(answer), answer)).join(". ");
    const amounts = people
      .filter((answer) => answer.status === "exercise")
      .map((answer) => this.#withNumber(amount(answer)?.number ?? "", answer))
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
    // Five times a second: what has not changed is left as it is, also where somebody reads or selects it.
    const shown = JSON.stringify([segments, Math.floor(record.lengthMs / 1000)]);
    if (shown === this.#shownSession) return;
    this.#shownSession = shown;
    this.#drawTimeline(element("timeline"), segments, record.lengthMs);
    this.#listSegments(element("segments"), segments.toReversed());
  }

  /** @param {SessionRecord} record */
  showSummary(record) {
    const segments = record.segments();
    const totals = record.totals();
    const body = /** @type {HTMLTableElement} */ (element("totals")).tBodies[0];
    body.replaceChildren(
      ...totals.map(({ person, exercise, sets, repetitions, seconds }) => {
        const row = document.createElement("tr");
        for (const text of [this.#nameOf(exercise, person), sets, repetitions ?? "–", clock(1000 * seconds)]) {
          row.append(made("td", "", String(text)));
        }
        return row;
      }),
    );
    element("totals").hidden = totals.length === 0;
    element("summary-parts").hidden = totals.length === 0;
    element("summary-words").textContent = totals.length
      ? `${doneWords(totals)}, in ${duration(record.lengthMs)}.`
      : "No exercise was recognised. Show your whole body, from the front or from the side, for some seconds.";
    this.#drawTimeline(element("summary-timeline"), segments, record.lengthMs);
    this.#listSegments(element("summary-segments"), segments);
    element("summary").focus();
  }

  /** @param {HTMLElement} timeline @param {Segment[]} segments @param {number} lengthMs */
  #drawTimeline(timeline, segments, lengthMs) {
    const whole = Math.max(MIN_TIMELINE_MS, lengthMs);
    const lanes = lanesOf(segments);
    const numLanes = Math.max(0, ...lanes) + 1;
    timeline.style.setProperty("--lanes", String(numLanes));
    timeline.replaceChildren(
      ...segments.map(({ person, exercise, start_ms, end_ms }, index) => {
        const number = this.#isSeveral ? `${person + 1} ` : "";
        const stretch = made("div", "stretch", number + exerciseName(exercise));
        stretch.style.top = `${(100 * lanes[index]) / numLanes}%`;
        stretch.style.left = `${(100 * start_ms) / whole}%`;
        stretch.style.width = `${(100 * (end_ms - start_ms)) / whole}%`;
        stretch.style.background = this.#colour(exercise);
        return stretch;
      }),
    );
    const words = segments.map(({ person, exercise, start_ms }) => `${this.#nameOf(exercise, person)} at ${clock(start_ms)}`);
    timeline.setAttribute("aria-label", words.length ? `Timeline: ${words.join(", ")}` : "Timeline: nothing yet");
  }

  /** @param {HTMLElement} list @param {Segment[]} segments */
  #listSegments(list, segments) {
    if (segments.length === 0) {
      list.replaceChildren(made("li", "none", "No exercise yet."));
      return;
    }
    list.replaceChildren(
      ...segments.map((segment) => {
        const item = document.createElement("li");
        const dot = made("span", "dot", "");
        dot.style.background = this.#colour(segment.exercise);
        const done = amount(segment);
        item.append(
          made("span", "when", clock(segment.start_ms)),
          dot,
          made("span", "", this.#nameOf(segment.exercise, segment.person)),
          made("span", "", done ? `${done.number} ${done.unit}` : clock(segment.end_ms - segment.start_ms)),
        );
        return item;
      }),
    );
  }

  /** @param {string} exercise @param {number} person */
  #nameOf(exercise, person) {
    return exerciseName(exercise) + (this.#isSeveral ? ` (person ${person + 1})` : "");
  }

  /** @param {string} text @param {PersonAnswer} answer */
  #withNumber(text, { person }) {
    return this.#isSeveral && person !== null && text ? `Person ${person + 1}: ${text}` : text;
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
  const number = isNumbered ? answer.person : null;
  fill("who", number === null ? "" : `Person ${number + 1}`);
  card.style.setProperty("--person", personColour(number ?? 0));
  fill("exercise", title(answer));
  fill("number", done?.number ?? "");
  fill("unit", done?.unit ?? "");
  const percent = isExercise && answer.probability !== null ? Math.round(100 * answer.probability) : null;
  fill("percent", percent === null ? "" : `${percent} %`);
  const level = /** @type {HTMLElement} */ (card.querySelector(".level"));
  level.style.width = `${percent ?? 0}%`;
  fill("advice", advice(answer));
}

/** The lane of each segment: those that go on at the same time do not cover each other. @param {Segment[]} segments */
function lanesOf(segments) {
  /** @type {number[]} */
  const endsMs = [];
  return segments.map(({ start_ms, end_ms }) => {
    const free = endsMs.findIndex((endMs) => endMs <= start_ms);
    const lane = free < 0 ? endsMs.length : free;
    endsMs[lane] = end_ms;
    return lane;
  });
}

/** @param {Total[]} totals */
function doneWords(totals) {
  const numExercises = new Set(totals.map(({ exercise }) => exercise)).size;
  const counted = totals.filter(({ repetitions }) => repetitions !== null);
  const repetitions = counted.reduce((sum, total) => sum + (total.repetitions ?? 0), 0);
  const words = [numExercises === 1 ? "1 exercise" : `${numExercises} exercises`];
  // A plank has none.
  if (counted.length) words.push(repetitions === 1 ? "1 repetition" : `${repetitions} repetitions`);
  return words.join(", ");
}

/** @param {string} tag @param {string} className @param {string} text */
function made(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  return node;
}
