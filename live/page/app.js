/** @import { FileSource } from "./sources.js" */
/** @import { Answer, Hello, Listener, PersonAnswer, Recognizer } from "./types.js" */
/** @import { Phase, View } from "./view.js" */
import { BrightnessMeter } from "./brightness.js";
import { FrameLoop } from "./frames.js";
import { SamplingGrid } from "./grid.js";
import { PoseEstimator } from "./pose.js";
import { SessionRecord } from "./record.js";
import { clear, drawSkeletons } from "./skeleton.js";
import { CameraSource } from "./sources.js";
import { Speed } from "./speed.js";
import { element } from "./view.js";

/** @typedef {CameraSource | FileSource} Source */

/** Frames that are further apart are no movement: a recogniser's session ends between them. */
const MAX_STEP_MS = 1500;
const STORE_EVERY_MS = 2000;
/** @type {PersonAnswer} */
const WATCHING = {
  person: 0,
  exercise: null,
  probability: null,
  status: "warming_up",
  hint: null,
  repetitions: null,
  held_s: null,
};

/** One visit: a source of pictures, the pose in each, a recogniser's answers, and the record of what was done. */
export class App {
  /** @type {Phase} */ phase = "start";
  record = new SessionRecord();
  isMirrored = true;
  isOnGraphicsChip = false;
  /** How many people to follow where the server follows several; 0: as many as it can. */
  numPeople = 0;

  #video = /** @type {HTMLVideoElement} */ (element("video"));
  #skeleton = /** @type {HTMLCanvasElement} */ (element("skeleton"));
  #loop = new FrameLoop(this.#video, (video, mediaMs) => this.#takeFrame(video, mediaMs));
  #meter = new BrightnessMeter();
  #speed = new Speed();
  /** @type {PoseEstimator | null} */ #estimator = null;
  /** @type {Source | null} */ #source = null;
  /** @type {Hello | null} */ #hello = null;
  /** The recogniser's session that takes frames now. @type {{firstMs: number, lastMs: number, grid: SamplingGrid} | null} */ #part = null;
  #isReady = false;
  #storedAtMs = 0;

  /**
   * @param {View} view
   * @param {(listener: Listener) => Recognizer} makeRecognizer
   * @param {boolean} isInPage the recogniser needs no server
   */
  constructor(view, makeRecognizer, isInPage) {
    this.view = view;
    this.recognizer = makeRecognizer({
      onHello: (hello) => this.#begin(hello),
      onAnswer: (answer) => this.#takeAnswer(answer),
      onLink: (link) => {
        if (link.state !== "ready") this.#isReady = false;
        if (this.#isActive) this.view.showLink(link, isInPage);
      },
    });
  }

  get #isActive() {
    return this.phase === "running" || this.phase === "loading";
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.view.showPhase(phase);
  }

  /**
   * Opens a source and begins; a failure is shown, and the page is as it was.
   * @param {Source} source
   * @param {SessionRecord} record that goes on, or a new one
   */
  async start(source, record = new SessionRecord()) {
    if (this.phase === "loading") return;
    this.#close();
    this.view.showMessage();
    this.#enter("loading");
    try {
      this.#source = source;
      await source.open(this.#video);
      source.onEnd = (words) => this.#sourceEnded(words);
      this.#estimator ??= await PoseEstimator.load((share) => this.view.showProgress(share), this.isOnGraphicsChip);
    } catch (error) {
      this.#close();
      this.#enter("start");
      this.view.showMessage(error instanceof Error ? error.message : String(error));
      return;
    }
    this.record = record;
    source.startAt(record.lengthMs);
    this.setMirrored(this.isMirrored);
    this.view.showAnswers([WATCHING]);
    this.view.showSession(record);
    await this.#run();
  }

  async #run() {
    this.#enter("running");
    this.recognizer.open();
    await this.#source?.play();
    this.#loop.start();
  }

  /** The recogniser's session is ready. @param {Hello} hello */
  async #begin(hello) {
    this.#hello = hello;
    this.#part = null;
    this.view.showLabels(hello.labels);
    // MediaPipe smooths the landmarks of one person alone; for several, the server does, so one is not looked for there.
    const numPeople = Math.min(this.numPeople || hello.max_people, hello.max_people);
    this.view.showMaxPeople(hello.max_people, numPeople);
    await this.#estimator?.setNumPeople(numPeople);
    this.#isReady = true;
  }

  /** @param {HTMLVideoElement} video @param {number} mediaMs */
  #takeFrame(video, mediaMs) {
    const source = this.#source;
    if (!this.#isReady || !this.#estimator || !this.#hello || !source) return;
    if (this.#part && (mediaMs <= this.#part.lastMs || mediaMs - this.#part.lastMs > MAX_STEP_MS)) {
      this.#renew();
      return;
    }
    if (!this.#part) {
      this.#part = { firstMs: mediaMs, lastMs: mediaMs - 1, grid: new SamplingGrid(this.#hello.frame_rate_hz) };
      this.#estimator.restart();
      this.record.beginPart(source.recordMs(mediaMs));
    }
    this.#part.lastMs = mediaMs;
    const timestampMs = Math.round(mediaMs - this.#part.firstMs);
    const frameId = this.#part.grid.frameId(mediaMs - this.#part.firstMs);
    if (frameId === null) return;
    const begunMs = performance.now();
    const people = this.#estimator.estimate(video, timestampMs);
    const brightness = this.#meter.measure(video, video.videoWidth, video.videoHeight);
    this.recognizer.send({ timestampMs, brightness, people });
    if (this.#skeleton.width !== video.videoWidth || this.#skeleton.height !== video.videoHeight) {
      this.#skeleton.width = video.videoWidth;
      this.#skeleton.height = video.videoHeight;
    }
    drawSkeletons(this.#skeleton, people);
    this.#speed.add(performance.now(), performance.now() - begunMs);
    this.view.showSpeed(this.#speed, this.#hello.frame_rate_hz);
    source.keepUp(this.#speed, this.#hello.frame_rate_hz);
  }

  /** @param {Answer} answer */
  #takeAnswer(answer) {
    if (this.phase !== "running" || !this.#part) return;
    this.record.add(answer);
    this.view.showAnswers(answer.people.length ? answer.people : [{ ...WATCHING, status: "no_person" }]);
    this.view.showSession(this.record);
    if (performance.now() - this.#storedAtMs > STORE_EVERY_MS) this.store();
  }

  store() {
    this.#storedAtMs = performance.now();
    // A file is not there any more after a reload.
    if (this.#source instanceof CameraSource && this.phase !== "done") this.record.store();
  }

  /** Ends the recogniser's session; its summary is part of the record. */
  async #endPart() {
    this.#isReady = false;
    const summary = await this.recognizer.end();
    if (summary && this.#part) this.record.sum(summary.segments);
    this.#part = null;
  }

  async #renew() {
    await this.#endPart();
    if (this.phase === "running") this.recognizer.open();
  }

  async pauseOrGoOn() {
    if (this.phase === "running") {
      this.#enter("paused");
      this.#loop.stop();
      this.#source?.pause();
      await this.#endPart();
      this.view.showSession(this.record);
    } else if (this.phase === "paused") {
      this.view.showMessage();
      await this.#run();
    }
  }

  /** Ends the visit and shows what was done. */
  async end() {
    if (this.phase !== "running" && this.phase !== "paused") return;
    this.#loop.stop();
    await this.#endPart();
    this.#close();
    SessionRecord.forget();
    this.view.showMessage();
    this.view.hideLink();
    this.#enter("done");
    this.view.showSummary(this.record);
  }

  /** @param {string} words what has happened; empty at a file's end */
  async #sourceEnded(words) {
    if (!words) {
      await this.end();
      return;
    }
    if (this.phase === "running") await this.pauseOrGoOn();
    this.view.showMessage(words);
  }

  /** Another camera, or the same again. @param {string} deviceId */
  async changeCamera(deviceId) {
    if (this.phase === "running") await this.pauseOrGoOn();
    if (this.phase === "paused") await this.start(new CameraSource(deviceId), this.record);
  }

  /** Loads MediaPipe again, for another processor. @param {boolean} isOn */
  async useGraphicsChip(isOn) {
    this.isOnGraphicsChip = isOn;
    if (this.phase !== "running") {
      this.#forgetEstimator();
      return;
    }
    const source = this.#source;
    await this.pauseOrGoOn();
    this.#forgetEstimator();
    this.#estimator = await PoseEstimator.load((share) => this.view.showProgress(share), isOn);
    if (this.#source === source) await this.pauseOrGoOn();
  }

  #forgetEstimator() {
    this.#estimator?.close();
    this.#estimator = null;
  }

  /** @param {number} numPeople */
  async setNumPeople(numPeople) {
    this.numPeople = numPeople;
    if (this.phase === "running") await this.#renew();
  }

  /** @param {boolean} isMirrored only a camera's picture is */
  setMirrored(isMirrored) {
    this.isMirrored = isMirrored;
    element("picture").classList.toggle("mirrored", isMirrored && this.#source instanceof CameraSource);
  }

  #close() {
    this.#loop.stop();
    this.#source?.close();
    this.#source = null;
    this.#part = null;
    this.#isReady = false;
    clear(this.#skeleton);
  }
}
