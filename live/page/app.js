/** @import { Part } from "./record.js" */
/** @import { FileSource } from "./sources.js" */
/** @import { Answer, Hello, Listener, Recognizer } from "./types.js" */
/** @import { Phase, View } from "./view.js" */
import { BrightnessMeter } from "./brightness.js";
import { FrameLoop } from "./frames.js";
import { SamplingGrid } from "./grid.js";
import { PoseLoader } from "./pose_loader.js";
import { SessionRecord } from "./record.js";
import { Skeletons } from "./skeleton.js";
import { listCameras } from "./camera.js";
import { CameraSource } from "./sources.js";
import { Speed } from "./speed.js";
import { element } from "./view.js";

/**
 * @typedef {CameraSource | FileSource} Source
 * @typedef {{ofRecord: Part, firstMs: number, lastMs: number, grid: SamplingGrid}} CurrentPart
 */

/** Frames that are further apart are no movement: a recogniser's session ends between them. */
const MAX_STEP_MS = 1500;
const STORE_EVERY_MS = 2000;

/** One visit: a source of pictures, the pose in each, a recogniser's answers, and the record of what was done. */
export class App {
  /** @type {Phase} */ phase = "start";
  record = new SessionRecord();
  isMirrored = true;
  /** How many people to follow where the server follows several; 0: as many as it can. */
  numPeople = 0;

  #video = /** @type {HTMLVideoElement} */ (element("video"));
  #skeletons = new Skeletons(/** @type {HTMLCanvasElement} */ (element("skeleton")));
  #loop = new FrameLoop(this.#video, (video, mediaMs) => {
    try {
      this.#takeFrame(video, mediaMs);
    } catch (error) {
      this.#poses.failed();
      this.#stumble(`The pose model has failed (${error})`);
    }
  });
  #meter = new BrightnessMeter();
  #speed = new Speed();
  #poses = new PoseLoader(
    (share) => this.view.showProgress(share),
    (isOn) => this.view.showGraphicsChip(isOn),
  );
  /** @type {Source | null} */ #source = null;
  /** @type {Hello | null} */ #hello = null;
  /** The recogniser's session that takes frames now. @type {CurrentPart | null} */ #part = null;
  #isReady = false;
  /** Counts starts, pauses and ends: what was begun before the last one gives up. */
  #turn = 0;
  /** The end of the session before, for which the next one waits. @type {Promise<void>} */ #ending = Promise.resolve();
  /** What paused the page; it goes on by itself when that is over. @type {"person" | "hidden" | "camera"} */ #pausedBy = "person";
  #cameraId = "";

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
        if (link.state !== "ready") {
          this.#isReady = false;
          if (this.#source?.canWait) this.#source.pause();
        }
        if (this.phase === "running") this.view.showLink(link, isInPage);
      },
    });
  }

  get isInSession() {
    return this.phase === "running" || this.phase === "paused";
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.view.showPhase(phase);
  }

  /**
   * Opens a source and begins; a failure is shown, and what was done before stays. A later start takes an earlier one's place.
   * @param {Source} source
   * @param {SessionRecord} record that goes on, or a new one
   */
  async start(source, record = new SessionRecord()) {
    this.#close();
    const turn = ++this.#turn;
    this.#source = source;
    this.record = record;
    this.view.showMessage();
    this.view.showLoading(source.waitingWords);
    this.#enter("loading");
    try {
      await source.open(this.#video);
      if (turn !== this.#turn) return;
      source.onEnd = (words) => this.#sourceEnded(words);
      if (source instanceof CameraSource) await this.#showCameras((this.#cameraId = source.deviceId));
      this.view.showLoading();
      await this.#poses.load();
    } catch (error) {
      if (turn === this.#turn) this.#startFailed(error);
      return;
    }
    if (turn !== this.#turn) return;
    source.startAt(record.lengthMs);
    this.view.showSource(source instanceof CameraSource);
    this.setMirrored(this.isMirrored);
    this.view.showWatching();
    this.view.showSession(record);
    await this.#go();
  }

  /** @param {unknown} error */
  #startFailed(error) {
    this.#close();
    if (this.record.lengthMs > 0) {
      this.view.showSession(this.record);
      this.#enter("paused");
    } else {
      this.#enter("start");
    }
    this.view.showMessage(error instanceof Error ? error.message : String(error));
  }

  /** Gives up a start that has not been made yet. */
  cancel() {
    if (this.phase !== "loading") return;
    this.#turn += 1;
    this.#startFailed("");
  }

  async #go() {
    const turn = ++this.#turn;
    this.#enter("running");
    try {
      await Promise.all([this.#ending, this.#poses.load()]);
      if (turn !== this.#turn) return;
      this.recognizer.open();
      this.#loop.start();
      // A file waits until its frames can be answered.
      if (!this.#source?.canWait) await this.#source?.play();
    } catch (error) {
      if (turn === this.#turn) await this.#stumble(error);
    }
  }

  /** Something does not work: the page pauses and says so. @param {unknown} error */
  async #stumble(error) {
    await this.#pause("person");
    const what = error instanceof Error ? error.message : String(error);
    this.view.showMessage(`${what.replace(/\.?$/, ".")} Go on to try again.`);
  }

  /** The recogniser's session is ready. @param {Hello} hello */
  async #begin(hello) {
    const turn = this.#turn;
    this.#hello = hello;
    this.#part = null;
    this.#skeletons.isSeveral = hello.max_people > 1;
    this.view.showLabels(hello.labels, hello.shown_names);
    // MediaPipe smooths the landmarks of one person alone; for several, the server does, so one is not looked for there.
    const numPeople = Math.min(this.numPeople || hello.max_people, hello.max_people);
    this.view.showMaxPeople(hello.max_people, numPeople);
    await this.#poses.current?.setNumPeople(numPeople);
    if (turn !== this.#turn || this.#hello !== hello) return;
    this.#isReady = true;
    if (this.#source?.canWait) await this.#source.play().catch((error) => this.#stumble(error));
  }

  /** @param {HTMLVideoElement} video @param {number} mediaMs */
  #takeFrame(video, mediaMs) {
    const source = this.#source;
    if (!this.#isReady || !this.#poses.current || !this.#hello || !source) return;
    if (this.#part && (mediaMs <= this.#part.lastMs || mediaMs - this.#part.lastMs > MAX_STEP_MS)) {
      this.#renew();
      return;
    }
    if (!this.#part) {
      const ofRecord = this.record.beginPart(source.recordMs(mediaMs));
      this.#part = { ofRecord, firstMs: mediaMs, lastMs: mediaMs, grid: new SamplingGrid(this.#hello.frame_rate_hz) };
      this.#poses.current.restart();
    }
    this.#part.lastMs = mediaMs;
    const timestampMs = Math.round(mediaMs - this.#part.firstMs);
    const frameId = this.#part.grid.frameId(mediaMs - this.#part.firstMs);
    if (frameId === null) return;
    const begunMs = performance.now();
    const people = this.#poses.current.estimate(video, timestampMs);
    const brightness = this.#meter.measure(video, video.videoWidth, video.videoHeight);
    this.recognizer.send({ timestampMs, brightness, people });
    this.#skeletons.draw(video, people);
    this.#speed.add(performance.now(), performance.now() - begunMs);
    this.view.showSpeed(this.#speed, source.canWait ? 0 : this.#hello.frame_rate_hz);
    source.keepUp(this.#speed, this.#hello.frame_rate_hz);
  }

  /** @param {Answer} answer */
  #takeAnswer(answer) {
    if (this.phase !== "running" || !this.#part) return;
    this.record.add(answer);
    this.#skeletons.take(answer.people);
    this.view.showAnswers(answer.people);
    this.view.showSession(this.record);
    this.store(STORE_EVERY_MS);
  }

  /** @param {number} everyMs not more often than that */
  store(everyMs = 0) {
    // A file is not there any more after a reload.
    if (this.#source instanceof CameraSource && this.phase !== "done") this.record.store(everyMs);
  }

  /** Ends the recogniser's session; its summary is part of the record. */
  #endPart() {
    this.#isReady = false;
    const { record } = this;
    const part = this.#part;
    this.#part = null;
    const before = this.#ending;
    this.#ending = this.recognizer.end().then((summary) => {
      if (summary && part) record.sum(part.ofRecord, summary.segments);
      return before;
    });
    return this.#ending;
  }

  async #renew() {
    const turn = this.#turn;
    if (this.#source?.canWait) this.#source.pause();
    await this.#endPart();
    if (turn === this.#turn && this.phase === "running") this.recognizer.open();
  }

  /** @param {"person" | "hidden" | "camera"} by */
  async #pause(by) {
    if (this.phase !== "running") return;
    const turn = ++this.#turn;
    this.#pausedBy = by;
    this.#enter("paused");
    this.#loop.stop();
    this.#source?.pause();
    await this.#endPart();
    if (turn === this.#turn) this.view.showSession(this.record);
  }

  async pauseOrGoOn() {
    if (this.phase === "running") {
      await this.#pause("person");
    } else if (this.phase === "paused") {
      this.view.showMessage();
      if (this.#source && !this.#source.isGone) await this.#go();
      else await this.#reopenCamera();
    }
  }

  /** The camera as before where it is there, else another one. */
  async #reopenCamera() {
    const isThere = await this.#showCameras();
    if (this.phase === "paused") await this.start(new CameraSource(isThere ? this.#cameraId : ""), this.record);
  }

  /** Cameras were plugged in or out: one that went away is used again when it is back. */
  async camerasChanged() {
    const isThere = await this.#showCameras();
    if (isThere && this.phase === "paused" && this.#pausedBy === "camera") await this.#reopenCamera();
  }

  /** @param {string} chosen @returns whether the camera is there that was used last */
  async #showCameras(chosen = "") {
    const cameras = await listCameras();
    this.view.showCameras(cameras, chosen);
    return cameras.some(({ id }) => id === this.#cameraId);
  }

  /** A hidden page gets no pictures: it pauses, and goes on when it is seen again. @param {boolean} isHidden */
  async visibilityChanged(isHidden) {
    if (isHidden) await this.#pause("hidden");
    else if (this.phase === "paused" && this.#pausedBy === "hidden") await this.pauseOrGoOn();
  }

  /** Ends the visit and shows what was done. @param {string} words about why, where the person did not end it */
  async end(words = "") {
    if (!this.isInSession) return;
    const turn = ++this.#turn;
    this.#loop.stop();
    this.#source?.pause();
    await (this.phase === "running" ? this.#endPart() : this.#ending);
    if (turn !== this.#turn) return;
    this.#close();
    SessionRecord.forget();
    this.view.showMessage(words);
    this.view.hideLink();
    this.#enter("done");
    this.view.showSummary(this.record);
  }

  /** @param {string} words what has happened; empty at a file's end */
  async #sourceEnded(words) {
    if (this.#source?.canWait) {
      await this.end(words);
      return;
    }
    if (this.phase === "running") await this.#pause("camera");
    this.view.showMessage(words);
  }

  /** Another camera, or the same again. @param {string} deviceId */
  async changeCamera(deviceId) {
    await this.#pause("person");
    if (this.phase === "paused") await this.start(new CameraSource(deviceId), this.record);
  }

  /** Loads MediaPipe again, for another processor. @param {boolean} isOn */
  async useGraphicsChip(isOn) {
    const wasRunning = this.phase === "running";
    await this.#pause("person");
    this.#poses.useGraphicsChip(isOn);
    if (wasRunning && this.phase === "paused") await this.pauseOrGoOn();
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
    this.#skeletons.clear();
  }
}
