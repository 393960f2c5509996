/** @import { PoseLandmarker } from "@mediapipe/tasks-vision" */
/** @import { Person } from "./types.js" */

const VENDOR = new URL("../vendor/tasks-vision/", import.meta.url).href;
const MODEL = new URL("../models/pose.task", import.meta.url).href;
/** Time that passes for the tracker between two sessions. */
const BREAK_MS = 1000;

/** Estimates poses in this browser, as beam_jobs/pose/estimator.py does: no picture leaves it. */
export class PoseEstimator {
  /** @type {PoseLandmarker} */ #landmarker;
  /** The tracker's time at the session's first frame. */
  #startMs = 0;
  #lastMs = 0;
  #numPeople = 1;

  /** @param {PoseLandmarker} landmarker */
  constructor(landmarker) {
    this.#landmarker = landmarker;
  }

  /**
   * Loads MediaPipe and the pose model.
   * @param {(share: number) => void} onProgress 0 to 1
   * @param {boolean} onGraphicsChip quicker on some devices; its landmarks differ a little more from the batch job's
   */
  static async load(onProgress, onGraphicsChip = false) {
    const canvas = document.createElement("canvas");
    if (!canvas.getContext("webgl2") && !canvas.getContext("webgl")) {
      throw new Error(
        "This browser has no WebGL, by which MediaPipe reads pictures. Turn on hardware acceleration in its settings, or use another browser.",
      );
    }
    /** @type {[typeof import("@mediapipe/tasks-vision"), Uint8Array]} */
    const [{ PoseLandmarker }, model] = await Promise.all([
      import(`${VENDOR}vision_bundle.mjs`),
      download(MODEL, onProgress),
    ]).catch((error) => {
      throw new Error(`The pose model cannot be loaded (${error.message}). Look at your connection, and try again.`);
    });
    const landmarker = await PoseLandmarker.createFromOptions(
      { wasmLoaderPath: `${VENDOR}vision_wasm_internal.js`, wasmBinaryPath: `${VENDOR}vision_wasm_internal.wasm` },
      {
        baseOptions: { modelAssetBuffer: model, delegate: onGraphicsChip ? "GPU" : "CPU" },
        runningMode: "VIDEO",
        numPoses: 1,
      },
    );
    const estimator = new PoseEstimator(landmarker);
    // The first frame takes longest: let it be one without anybody.
    const black = document.createElement("canvas");
    black.width = black.height = 256;
    black.getContext("2d")?.fillRect(0, 0, 256, 256);
    estimator.#landmarker.detectForVideo(black, 0);
    return estimator;
  }

  /** @param {number} numPeople that are looked for */
  async setNumPeople(numPeople) {
    // It builds MediaPipe's graph again.
    if (numPeople !== this.#numPeople) await this.#landmarker.setOptions({ numPoses: numPeople });
    this.#numPeople = numPeople;
  }

  /** The next frame is the first one of a session. */
  restart() {
    this.#startMs = this.#lastMs + BREAK_MS;
  }

  /**
   * @param {TexImageSource & CanvasImageSource} picture
   * @param {number} timestampMs since the session's first frame; later than the last one's
   * @returns {Person[]}
   */
  estimate(picture, timestampMs) {
    this.#lastMs = Math.max(this.#startMs + timestampMs, this.#lastMs + 1);
    const found = this.#landmarker.detectForVideo(picture, this.#lastMs);
    const people = found.landmarks.map((image, index) => ({
      world: coordinates(found.worldLandmarks[index]),
      image: coordinates(image),
      visibility: Float32Array.from(image, (landmark) => landmark.visibility),
      presence: Float32Array.from(image, (landmark) => landmark.presence ?? landmark.visibility),
    }));
    found.close();
    return people;
  }

  close() {
    this.#landmarker.close();
  }
}

/** @param {{x: number, y: number, z: number}[]} landmarks */
function coordinates(landmarks) {
  const values = new Float32Array(3 * landmarks.length);
  landmarks.forEach(({ x, y, z }, index) => values.set([x, y, z], 3 * index));
  return values;
}

/**
 * @param {string} address
 * @param {(share: number) => void} onProgress
 */
export async function download(address, onProgress) {
  const answer = await fetch(address);
  if (!answer.ok || !answer.body) throw new Error(`${address} cannot be had (${answer.status})`);
  const total = Number(answer.headers.get("Content-Length"));
  /** @type {Uint8Array[]} */
  const chunks = [];
  let received = 0;
  const reader = answer.body.getReader();
  for (let read = await reader.read(); read.value; read = await reader.read()) {
    chunks.push(read.value);
    received += read.value.length;
    if (total) onProgress(Math.min(1, received / total));
  }
  const content = new Uint8Array(received);
  let offset = 0;
  for (const chunk of chunks) {
    content.set(chunk, offset);
    offset += chunk.length;
  }
  return content;
}
