/** @import { PersonAnswer } from "./types.js" */

/**
 * What is said where no exercise is named, and what to do then.
 * @type {Record<string, [string, string]>}
 */
const STATUS = {
  no_exercise: ["No known exercise", "This is none of the exercises that are known here."],
  not_sure: ["Not sure", "Show your whole body, from the front or from the side."],
  warming_up: ["Watching …", "A moment more."],
  partly_in_view: ["Not all in view", "Step back, until your whole body is in the picture."],
  no_person: ["Nobody in view", "Step into the picture, so that your whole body is in it."],
  too_dark: ["Too dark", "Make more light."],
};

/** Of the recogniser's labels. @type {Record<string, string>} */
let shownNames = {};

/** @param {Record<string, string>} names as people read each label */
export function useShownNames(names) {
  shownNames = names;
}

/** In a sentence. @param {string} label such as push_up */
export function exerciseWords(label) {
  return shownNames[label] ?? label.replaceAll("_", " ");
}

/** As a title. @param {string} label */
export function exerciseName(label) {
  const words = exerciseWords(label);
  return words[0].toUpperCase() + words.slice(1);
}

/** @param {PersonAnswer} answer */
export function title(answer) {
  if (answer.status === "exercise" && answer.exercise) return exerciseName(answer.exercise);
  return (STATUS[answer.status] ?? STATUS.not_sure)[0];
}

/** What the person should change; empty where all is well. @param {PersonAnswer} answer */
export function advice(answer) {
  if (answer.hint) return sentence(answer.hint);
  return answer.status === "exercise" ? "" : (STATUS[answer.status] ?? STATUS.not_sure)[1];
}

/** @param {string} text */
function sentence(text) {
  const begun = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/**
 * How much was done: repetitions, or the seconds of a hold.
 * @param {{repetitions: number | null, held_s: number | null}} of
 * @returns {{number: string, unit: string} | null}
 */
export function amount({ repetitions, held_s: heldS }) {
  if (heldS !== null && heldS !== undefined) return { number: String(Math.floor(heldS)), unit: "s held" };
  if (repetitions === null || repetitions === undefined) return null;
  return { number: String(repetitions), unit: repetitions === 1 ? "repetition" : "repetitions" };
}

/** 75 s as 1:15. @param {number} milliseconds */
export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** 75 s as "1 min 15 s". @param {number} milliseconds */
export function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
