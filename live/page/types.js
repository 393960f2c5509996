/**
 * What the modules hand to each other. Times are milliseconds since a session's first frame.
 *
 * @typedef {object} Person One person's pose in one frame.
 * @property {Float32Array} world metres, origin between the hips, x right, y down, z away; 33 × 3
 * @property {Float32Array} image shares of the picture's width and height, z roughly on x's scale; 33 × 3
 * @property {Float32Array} visibility 33
 * @property {Float32Array} presence 33
 *
 * @typedef {object} Frame A sampled frame.
 * @property {number} timestampMs
 * @property {number} brightness mean luma, 0 to 255
 * @property {Person[]} people
 *
 * @typedef {"exercise" | "no_exercise" | "not_sure" | "warming_up" | "partly_in_view" | "no_person" | "too_dark"} Status
 *
 * @typedef {object} PersonAnswer As the server sends it.
 * @property {number | null} person 0-based; null where several are followed and nobody is there
 * @property {string | null} exercise
 * @property {number | null} probability
 * @property {Status} status
 * @property {string | null} hint
 * @property {number | null} repetitions
 * @property {number | null} held_s
 * @property {[number, number] | null} [place] the middle of shoulders and hips, as shares of the picture
 * @property {number[] | null} [probabilities]
 *
 * @typedef {object} Answer
 * @property {number} timestamp_ms
 * @property {PersonAnswer[]} people
 *
 * @typedef {object} SegmentMessage
 * @property {number} person
 * @property {string} exercise
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {number} probability
 * @property {number | null} repetitions
 * @property {number | null} held_s
 *
 * @typedef {object} Summary
 * @property {SegmentMessage[]} segments
 *
 * @typedef {object} Hello What a recogniser knows.
 * @property {string[]} labels
 * @property {Record<string, string>} shown_names of each label, as people read it
 * @property {string[]} holds labels that are held: seconds count, not repetitions
 * @property {number} frame_rate_hz
 * @property {string} bundle
 * @property {number} max_people
 *
 * @typedef {object} LinkState How a recogniser can be reached.
 * @property {"connecting" | "ready" | "lost" | "refused"} state
 * @property {string} [message] words for people
 *
 * @typedef {object} Listener What a recogniser tells.
 * @property {(hello: Hello) => void} onHello a new session begins: the next frame is its first one
 * @property {(answer: Answer) => void} onAnswer
 * @property {(link: LinkState) => void} onLink
 *
 * @typedef {object} Recognizer Takes landmarks, gives answers: by the server, or in the page.
 * @property {() => void} open begins a session; `onHello` tells when it is ready
 * @property {(frame: Frame) => void} send
 * @property {() => Promise<Summary | null>} end ends the session; null where its summary is lost
 */

export {};
