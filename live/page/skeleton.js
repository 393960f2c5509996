/** @import { Person, PersonAnswer } from "./types.js" */
import { PeoplePlaces, personColour } from "./people.js";

/** Pairs of landmarks; beam_jobs/landmarks.py, CONNECTIONS without the face's. */
// prettier-ignore
const CONNECTIONS = [
  [11, 12], [11, 13], [13, 15], [15, 17], [15, 19], [15, 21], [17, 19], [12, 14], [14, 16], [16, 18], [16, 20],
  [16, 22], [18, 20], [11, 23], [12, 24], [23, 24], [23, 25], [25, 27], [27, 29], [27, 31], [29, 31], [24, 26],
  [26, 28], [28, 30], [28, 32], [30, 32],
];
const FIRST_OF_BODY = 11;
const MIN_VISIBILITY = 0.5;
const DARK = "rgb(16 20 24 / 0.75)";
const LEFT = "#ffbe50";
const RIGHT = "#5ac8ff";
const MIDDLE = "#ffffff";

/** @param {...number} indices */
function sideColour(...indices) {
  if (indices.every((index) => index % 2 === 1)) return LEFT;
  return indices.every((index) => index % 2 === 0) ? RIGHT : MIDDLE;
}

/**
 * Draws people's landmarks. One person's left side has one colour, the right one another; several people have a colour each, and
 * a number.
 * @param {HTMLCanvasElement} canvas is made as large as the video's picture
 * @param {HTMLVideoElement} video
 * @param {Person[]} people
 * @param {(number | null)[] | null} numbers each one's, 0-based, where several are followed; null: one person
 * @param {boolean} isMirrored the canvas is shown as a mirror does
 */
function drawSkeletons(canvas, { videoWidth, videoHeight }, people, numbers, isMirrored) {
  const context = canvas.getContext("2d");
  if (!context) return;
  if (canvas.width !== videoWidth || canvas.height !== videoHeight) {
    canvas.width = videoWidth;
    canvas.height = videoHeight;
  }
  context.clearRect(0, 0, canvas.width, canvas.height);
  const unit = Math.max(1.5, Math.min(canvas.width, canvas.height) / 140);
  context.lineCap = "round";
  people.forEach(({ image, visibility }, person) => {
    const number = numbers?.[person] ?? null;
    /** @param {...number} indices */
    const colour = (...indices) => {
      if (number !== null) return personColour(number);
      return numbers ? MIDDLE : sideColour(...indices);
    };
    /** @param {number} index @returns {[number, number]} */
    const at = (index) => [image[3 * index] * canvas.width, image[3 * index + 1] * canvas.height];
    for (const [start, end] of CONNECTIONS) {
      if (visibility[start] < MIN_VISIBILITY || visibility[end] < MIN_VISIBILITY) continue;
      // Dark below bright is seen on any ground.
      for (const [style, width] of /** @type {[string, number][]} */ ([
        [DARK, 2.4 * unit],
        [colour(start, end), 1.2 * unit],
      ])) {
        context.strokeStyle = style;
        context.lineWidth = width;
        context.beginPath();
        context.moveTo(...at(start));
        context.lineTo(...at(end));
        context.stroke();
      }
    }
    for (let index = FIRST_OF_BODY; index < visibility.length; index++) {
      if (visibility[index] < MIN_VISIBILITY) continue;
      context.fillStyle = colour(index);
      context.strokeStyle = DARK;
      context.lineWidth = 0.6 * unit;
      context.beginPath();
      context.arc(...at(index), 1.3 * unit, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    if (number !== null) drawNumber(context, image, number, unit, isMirrored);
  });
}

/**
 * A person's number, above the head and inside the picture.
 * @param {CanvasRenderingContext2D} context
 * @param {Float32Array} image
 * @param {number} number 0-based
 * @param {number} unit
 * @param {boolean} isMirrored
 */
function drawNumber(context, image, number, unit, isMirrored) {
  const { width, height } = context.canvas;
  const radius = 6 * unit;
  const tops = Array.from({ length: FIRST_OF_BODY }, (_, index) => image[3 * index + 1]);
  const x = Math.min(width - radius, Math.max(radius, image[0] * width));
  const y = Math.min(height - radius, Math.max(radius, Math.min(...tops) * height - 2 * radius));
  context.save();
  context.translate(x, y);
  if (isMirrored) context.scale(-1, 1);
  context.fillStyle = personColour(number);
  context.strokeStyle = DARK;
  context.lineWidth = unit;
  context.beginPath();
  context.arc(0, 0, radius, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.fillStyle = "#101418";
  context.font = `bold ${Math.round(1.3 * radius)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(number + 1), 0, 0);
  context.restore();
}

/** The skeletons over the picture. */
export class Skeletons {
  /** Several people are followed: each has a number. */
  isSeveral = false;
  #places = new PeoplePlaces();

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
  }

  /** Where people are. @param {PersonAnswer[]} answers */
  take(answers) {
    this.#places.take(answers);
  }

  /** @param {HTMLVideoElement} video @param {Person[]} people */
  draw(video, people) {
    const numbers = this.isSeveral ? this.#places.numbers(people) : null;
    drawSkeletons(this.canvas, video, people, numbers, this.canvas.closest(".mirrored") !== null);
  }

  clear() {
    this.#places.clear();
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }
}
