// Live's object model as tables: what each type of thing has, what may be set, and what Live refuses. No device, no LiveAPI.
// It is longer than 400 lines since it is one table: an entry for each property, child and function of each type.
//
// A property has `get` and, where it can be set, `set`; a child has `of`, and `isHome` where it is what a thing's path names; a
// function has `run(thing, values, { live, max })`, and `isRead` where it changes nothing. What is newer than Live 11.0 has
// `since`. What a musician's set holds, and how it changes, is in live.js.
"use strict";

const PALETTE = // of clips and tracks: a colour that is set snaps to the nearest
  "ff94a6 ffa529 cc9927 f7f47c bffb00 1aff2f 25ffa8 5cffe8 8bc5ff 5480e4 92a7ff d86ce4 e553a0 ffffff " +
  "ff3636 f66c03 99724b fff034 87ff67 3dc300 00bfaf 19e9ff 10a4ee 007dc0 886ce4 b677c6 ff39d4 d0d0d0 " +
  "e2675a ffa374 d3ad71 edffae d2e498 bad074 9bc48d d4fde1 cdf1f8 b9c1e3 cdbbe4 ae98e5 e5dce1 a9a9a9 " +
  "c6928b b78256 99836a bfba69 a6be00 7db04d 88c2ba 9bb3c4 85a5c2 8393cc a595b5 bf9fbe bc7196 7b7b7b " +
  "af3333 a95131 724f41 dbc300 85961f 539f31 0a9c8e 236384 1a2f96 2f52a2 624bad a34bad cc2e6e 3c3c3c";
const COLORS = PALETTE.split(" ").map((hex) => parseInt(hex, 16));

const NOTE_KEYS = "pitch start_time duration velocity mute probability velocity_deviation release_velocity".split(" ");
const ALL_KEYS = ["note_id", ...NOTE_KEYS];
const NOTE_DEFAULTS = { velocity: 100, mute: 0, probability: 1, velocity_deviation: 0, release_velocity: 64 };
const SHORTEST = 1 / 1024; // beats, of a note: shorter ones are lengthened

// What Live will not do, in words for the Max console.
class Refused extends Error {}
// Notes

function noteText(live, notes, keys) {
  const order = [...notes].sort((a, b) => a.pitch - b.pitch || a.start_time - b.start_time);
  const shown = order.map((note) => Object.fromEntries(keys.map((key) => [key, note[key]])));
  const cut = (_, value) => (typeof value === "number" && live.digits ? Number(value.toPrecision(live.digits)) : value);
  return JSON.stringify({ notes: shown }, cut);
}

function returned(given) {
  if (!given || !given.data || given.data.return === undefined) return ALL_KEYS;
  const keys = [...given.data.return];
  const bad = keys.find((key) => !ALL_KEYS.includes(key));
  if (bad) throw new Refused(`notes have no ${bad}`);
  return keys;
}

// Read the four numbers of a region, or one dictionary of them.
function region(values) {
  const names = ["from_pitch", "pitch_span", "from_time", "time_span"];
  const given = values.length === 1 && values[0].data ? names.map((name) => values[0].data[name]) : values;
  if (given.length !== 4 || given.some((v) => typeof v !== "number"))
    throw new Refused(`a region of notes is ${names.join(", ")}`);
  const [pitch, span, time, length] = given;
  if (!Number.isInteger(pitch) || pitch < 0 || pitch > 127) throw new Refused(`from_pitch ${pitch} is not in 0..127`);
  if (!Number.isInteger(span) || span < 1 || pitch + span > 128)
    throw new Refused(`pitch_span ${span} goes beyond the pitches there are`);
  if (!(length > 0)) throw new Refused(`time_span ${length} is not more than 0`);
  return (note) =>
    note.pitch >= pitch && note.pitch < pitch + span && note.start_time >= time && note.start_time < time + length;
}

// Take an argument of a note function in one of its forms; null where this Live does not understand that form.
function dictionary(value, { live, max }) {
  const form = typeof value === "string" ? "string" : value && value.isDict ? "dict" : "object";
  if (value === undefined || typeof value === "number" || Array.isArray(value))
    throw new Refused("a dictionary of notes is needed");
  if (live.forms[form] === "ignored") {
    max.error(`jsliveapi: an argument that is ${form === "object" ? "an" : "a"} ${form} was not understood`);
    return null;
  }
  if (form !== "string") return JSON.parse(JSON.stringify(value.data));
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new Refused("the notes are no JSON");
  }
}

function readNotes(given, keys) {
  if (!given || !Array.isArray(given.notes)) throw new Refused("there are no notes in the dictionary");
  const stray = Object.keys(given).find((key) => key !== "notes");
  if (stray) throw new Refused(`the dictionary has an unknown key ${stray}`);
  return given.notes.map((note) => checkNote(note, keys));
}

function checkNote(note, keys) {
  const stray = Object.keys(note).find((key) => !keys.includes(key));
  if (stray) throw new Refused(`a note has the key ${stray}, which is not allowed here`);
  for (const key of ["pitch", "start_time", "duration"]) if (note[key] === undefined) throw new Refused(`a note has no ${key}`);
  for (const [key, value] of Object.entries(note)) {
    const isFlag = key === "mute" && typeof value === "boolean";
    if (!isFlag && !(typeof value === "number" && Number.isFinite(value))) throw new Refused(`${key} of a note is ${value}`);
  }
  const within = (key, low, high) => {
    if (note[key] !== undefined && !(note[key] >= low && note[key] <= high))
      throw new Refused(`${key} ${note[key]} is not in ${low}..${high}`);
  };
  within("pitch", 0, 127);
  within("probability", 0, 1);
  within("velocity_deviation", -127, 127);
  within("release_velocity", 0, 127);
  if (!Number.isInteger(note.pitch)) throw new Refused(`pitch ${note.pitch} is not whole`);
  if (!(note.duration > 0)) throw new Refused(`duration ${note.duration} is not more than 0`);
  const clamped = Object.assign({}, note, { duration: Math.max(SHORTEST, note.duration) });
  if (note.velocity !== undefined) clamped.velocity = Math.min(127, Math.max(1, note.velocity));
  return clamped;
}

// Put notes among others: of the same pitch, what begins under a new one goes, and what sounds into it is cut.
function lay(notes, added) {
  const byPitch = new Map();
  for (const note of notes) byPitch.set(note.pitch, [...(byPitch.get(note.pitch) || []), note]);
  for (const note of added) {
    const end = note.start_time + note.duration;
    const others = (byPitch.get(note.pitch) || []).filter(
      (o) => o.note_id !== note.note_id && !(o.start_time >= note.start_time && o.start_time < end),
    );
    const cut = others.map((o) =>
      o.start_time < note.start_time && o.start_time + o.duration > note.start_time
        ? Object.assign({}, o, { duration: note.start_time - o.start_time })
        : o,
    );
    byPitch.set(note.pitch, [...cut, note]);
  }
  return [...byPitch.values()].flat();
}

function editable(clip) {
  const track = clip.live.trackOf(clip);
  if (clip.audio) throw new Refused("an audio clip has no notes");
  if (track.frozen) throw new Refused("the track is frozen");
}

function ids(values, { live, max }) {
  if (Array.isArray(values[0]) && live.forms.list === "ignored") {
    max.error("jsliveapi: an argument that is a list was not understood");
    return [];
  }
  const list = values.length === 1 && values[0].data ? values[0].data.note_ids : values.flat();
  if (!Array.isArray(list) || list.some((id) => !Number.isInteger(id))) throw new Refused("a list of note ids is needed");
  return list;
}

const NOTES = {
  get_notes_extended: reads((clip, values, { live }) => noteText(live, clip.notes.filter(region(values)), returned(values[0]))),
  get_all_notes_extended: reads((clip, [given], { live }) => noteText(live, clip.notes, returned(given)), [11, 1]),
  get_selected_notes_extended: reads((clip, [given], { live }) =>
    noteText(
      live,
      clip.notes.filter((n) => n.selected),
      returned(given),
    ),
  ),
  get_notes_by_id: reads((clip, values, world) => {
    const wanted = ids(values, world);
    return noteText(
      world.live,
      clip.notes.filter((note) => wanted.includes(note.note_id)),
      returned(values[0]),
    );
  }),
  add_new_notes: does((clip, [given], world) => {
    editable(clip);
    const dict = dictionary(given, world);
    if (!dict) return undefined;
    const { live } = world;
    const notes = readNotes(dict, NOTE_KEYS).map((note) => live.makeNote(note));
    live.change(clip, "notes", lay(clip.notes, live.tamper ? live.tamper(notes, clip) : notes));
    return notes.map((note) => note.note_id);
  }),
  apply_note_modifications: does((clip, [given], world) => {
    editable(clip);
    const dict = dictionary(given, world);
    if (!dict) return;
    const changed = readNotes(dict, ALL_KEYS);
    const known = new Map(clip.notes.map((note) => [note.note_id, note]));
    const missing = changed.find((note) => !known.has(note.note_id));
    if (missing) throw new Refused(`there is no note ${missing.note_id}`);
    const rest = clip.notes.filter((note) => !changed.some((one) => one.note_id === note.note_id));
    world.live.change(
      clip,
      "notes",
      lay(
        rest,
        changed.map((one) => Object.assign({}, known.get(one.note_id), one)),
      ),
    );
  }),
  remove_notes_extended: does((clip, values, { live }) => {
    editable(clip);
    const isIn = region(values);
    live.change(
      clip,
      "notes",
      clip.notes.filter((note) => !isIn(note)),
    );
  }),
  remove_notes_by_id: does((clip, values, world) => {
    editable(clip);
    const gone = new Set(ids(values, world));
    const left = clip.notes.filter((note) => !gone.has(note.note_id));
    if (left.length + gone.size !== clip.notes.length) throw new Refused("there is no note of some id");
    if (gone.size) world.live.change(clip, "notes", left);
  }),
  duplicate_notes_by_id: does(
    (clip, values, world) => {
      editable(clip);
      const { live } = world;
      const wanted = ids(values, world);
      const copies = clip.notes
        .filter((note) => wanted.includes(note.note_id))
        .map((note) => ({ ...note, note_id: ++live.lastNote }));
      live.change(clip, "notes", lay(clip.notes, copies));
    },
    [11, 1, 2],
  ),
};

// The parts of the tables

function reads(run, since) {
  return { run, since, isRead: true };
}

function does(run, since) {
  return { run, since };
}

function fixed(get, since) {
  return { get, since };
}

function field(name, check) {
  return { get: (o) => o[name], set: (o, value, live) => live.change(o, name, check ? check(value, o) : value) };
}

function home(of) {
  return { of, isHome: true };
}

function link(of, set, since) {
  return { of, set, since };
}

const text = (value) => String(value);
const flag = (value) => {
  if (![0, 1, true, false].includes(value)) throw new Refused(`${value} is not 0 or 1`);
  return Number(value);
};
const number = (low, high) => (value) => {
  if (typeof value !== "number" || !(value >= low && value <= high)) throw new Refused(`${value} is not in ${low}..${high}`);
  return value;
};
const power = (value) => {
  if (![1, 2, 4, 8, 16].includes(value)) throw new Refused(`${value} is not 1, 2, 4, 8 or 16`);
  return value;
};
const colour = { get: (o) => o.color, set: (o, value, live) => live.change(o, "color", snap(number(0, 0xffffff)(value))) };
const parent = { canonical_parent: link((o) => o.parent) };

// Loop start and end of a clip that does not loop are its markers.
function loopEdge(looped, marker, isStart) {
  return {
    get: (clip) => (clip.looping ? clip[looped] : clip[marker]),
    set: (clip, value, live) => {
      const name = clip.looping ? looped : marker;
      const other = clip.looping ? (isStart ? clip.loopEnd : clip.loopStart) : isStart ? clip.end_marker : clip.start_marker;
      number(-1e6, 1e6)(value);
      if (isStart ? value >= other : value <= other) throw new Refused(`${value} would turn the loop around`);
      live.change(clip, name, value);
    },
  };
}

function markerEdge(name, isStart) {
  return {
    get: (clip) => clip[name],
    set: (clip, value, live) => {
      const other = isStart ? clip.end_marker : clip.start_marker;
      number(-1e6, 1e6)(value);
      if (isStart ? value >= other : value <= other) throw new Refused(`${value} would turn the markers around`);
      live.change(clip, name, value);
    },
  };
}

const DEVICE = {
  properties: {
    name: field("name", text),
    class_name: fixed((d) => d.class_name),
    class_display_name: fixed((d) => d.name),
    type: fixed((d) => (d.class_name === "DrumGroupDevice" ? 1 : 4)),
    is_active: fixed((d) => d.is_active),
    can_have_chains: fixed((d) => d.type === "RackDevice"),
    can_have_drum_pads: fixed((d) => d.class_name === "DrumGroupDevice"),
  },
  children: { ...parent, parameters: home((d) => d.parameters.filter(({ visibility }) => visibility === 0)) },
  functions: {},
};

const CHAIN = {
  properties: { name: field("name", text), color: colour, mute: field("mute", flag), solo: field("solo", flag) },
  children: { ...parent, devices: home((c) => c.devices) },
  functions: {},
};

const TABLES = {
  Application: {
    properties: {},
    children: { view: home((app) => app.view) },
    functions: {
      get_version_string: reads((app) => app.live.version.join(".")),
      get_major_version: reads((app) => app.live.version[0]),
      get_minor_version: reads((app) => app.live.version[1] || 0),
      get_bugfix_version: reads((app) => app.live.version[2] || 0),
    },
  },
  "Application.View": {
    properties: { focused_document_view: fixed((v) => v.focused_document_view), browse_mode: fixed(() => 0) },
    children: { ...parent },
    functions: { focus_view: reads(() => undefined), show_view: reads(() => undefined), is_view_visible: reads(() => 1) },
  },
  Song: {
    properties: {
      tempo: field("tempo", number(20, 999)),
      clip_trigger_quantization: field("clip_trigger_quantization", number(0, 13)),
      signature_numerator: fixed((s) => s.signature[0]),
      signature_denominator: fixed((s) => s.signature[1]),
      root_note: fixed((s) => s.live.scaleNow().root),
      scale_name: fixed((s) => s.live.scaleNow().name),
      scale_intervals: fixed((s) => s.live.scaleNow().intervals),
      scale_mode: fixed((s) => s.live.scaleNow().mode, [12]),
      groove_amount: field("groove", number(0, 1.3125)),
      swing_amount: field("swing", number(0, 1)),
      is_playing: { get: (s) => s.is_playing, set: (s, value, live) => live.transport.setPlaying(flag(value)) },
      current_song_time: {
        get: (s) => s.live.transport.beat,
        set: (s, value, live) => live.transport.jump(number(0, 1e6)(value)),
      },
      can_undo: fixed((s) => s.live.done.length > 0),
      can_redo: fixed((s) => s.live.undone.length > 0),
    },
    children: {
      tracks: home((s) => s.tracks),
      return_tracks: home((s) => s.returns),
      master_track: home((s) => s.master),
      scenes: home((s) => s.scenes),
      view: home((s) => s.live.view),
      groove_pool: home((s) => s.live.pool),
      visible_tracks: link((s) => s.tracks),
      cue_points: home((s) => s.cue_points),
    },
    functions: {
      create_scene: does((song, [index], { live, max }) => {
        if (!Number.isInteger(index) || index < -1 || index > song.scenes.length) throw new Refused(`create_scene ${index}`);
        const scene = live.insertScene(index);
        scene.owner = max.device;
        return ["id", scene.id];
      }),
      delete_scene: does((song, [index], { live }) => live.deleteScene(index)),
      create_midi_track: does((song, [index = -1], { live, max }) => {
        if (!Number.isInteger(index) || index < -1 || index > song.tracks.length)
          throw new Refused(`create_midi_track ${index}`);
        return ["id", live.insertTrack(index, max.device).id];
      }),
      delete_track: does((song, [index], { live }) => live.deleteTrack(index)),
      start_playing: reads((song) => song.live.begin()),
      continue_playing: reads((song) => song.live.begin()),
      stop_playing: reads((song) => song.live.stop()),
      stop_all_clips: reads((song) => song.tracks.forEach((track) => song.live.transport.halt(track, "stopped"))),
      undo: reads((song) => song.live.undo()),
      redo: reads((song) => song.live.redo()),
    },
  },
  "Song.View": {
    properties: { follow_song: fixed(() => 0), draw_mode: fixed(() => 0) },
    children: {
      ...parent,
      selected_track: link(
        (v) => v.selected_track,
        (v, track, live) => live.selectTrack(needed(track, "Track")),
      ),
      selected_scene: link(
        (v) => v.selected_scene,
        (v, scene, live) => live.selectScene(needed(scene, "Scene")),
      ),
      highlighted_clip_slot: link(
        (v) => v.live.highlighted(),
        (v, slot, live) => live.highlight(needed(slot, "ClipSlot")),
      ),
      detail_clip: link(
        (v) => v.detail_clip,
        (v, clip, live) => live.change(v, "detail_clip", needed(clip, "Clip")),
      ),
    },
    functions: {},
  },
  Track: {
    properties: {
      name: field("name", text),
      color: colour,
      has_midi_input: fixed((t) => t.kind === "midi"),
      has_audio_input: fixed((t) => t.kind !== "midi"),
      has_audio_output: fixed(() => 1),
      has_midi_output: fixed(() => 0),
      is_foldable: fixed((t) => t.kind === "group"),
      is_grouped: fixed((t) => Boolean(t.group)),
      is_frozen: fixed((t) => t.frozen),
      can_be_frozen: fixed((t) => ["midi", "audio"].includes(t.kind)),
      can_be_armed: fixed((t) => ["midi", "audio"].includes(t.kind)),
      is_visible: fixed(() => 1),
      is_part_of_selection: fixed((t) => t.live.view.selected_track === t),
      arm: field("arm", flag),
      mute: field("mute", flag),
      solo: field("solo", flag),
      playing_slot_index: fixed((t) => (t.playing ? t.slots.indexOf(t.playing) : -1)),
      fired_slot_index: fixed((t) => t.slots.findIndex((slot) => t.live.transport.isTriggered(slot))),
    },
    children: {
      ...parent,
      clip_slots: home((t) => t.slots),
      arrangement_clips: home((t) => t.arrangement),
      take_lanes: { ...home((t) => t.lanes), since: [12, 2] },
      devices: home((t) => t.devices),
      group_track: link((t) => t.group),
    },
    functions: {
      stop_all_clips: reads((track, _, { live }) => live.transport.halt(track, "stopped")),
      // It overwrites what it covers; no page says what it returns.
      duplicate_clip_to_arrangement: does((track, [id, time], { live, max }) => {
        const clip = byIdText(live, [id]);
        if (!clip || clip.type !== "Clip") throw new Refused(`${id} is no clip`);
        if (typeof time !== "number" || !(time >= 0)) throw new Refused(`there is no time ${time} in the Arrangement`);
        if (track.kind !== "midi" || clip.audio || track.frozen) throw new Refused("the clip cannot lie on that track");
        live.layArranged(track, clip, time, max);
      }),
      delete_clip: does((track, [id], { live, max }) => {
        const clip = byIdText(live, [id]);
        if (clip.owner !== max.device) max.fail(`trespass: delete_clip deletes ${live.path(clip)}`);
        if (clip.parent === track) live.change(track, "arrangement", without(track.arrangement, clip));
        else live.change(clip.parent, "clip", null);
      }),
    },
  },
  TakeLane: {
    properties: { name: field("name", text) },
    children: { ...parent, arrangement_clips: home((lane) => lane.arrangement) },
    functions: {},
  },
  Scene: {
    properties: {
      name: field("name", text),
      color: colour,
      is_empty: fixed((s) => s.live.tracks.every((t) => !t.slots[s.live.scenes.indexOf(s)].clip)),
    },
    children: { ...parent, clip_slots: link((s) => s.live.tracks.map((t) => t.slots[s.live.scenes.indexOf(s)])) },
    functions: {},
  },
  ClipSlot: {
    properties: {
      has_clip: fixed((s) => Boolean(s.clip)),
      has_stop_button: field("has_stop_button", flag),
      is_group_slot: fixed((s) => s.parent.kind === "group"),
      controls_other_clips: fixed(() => 0),
      is_playing: fixed((s) => (s.clip ? s.clip.is_playing : 0)),
      is_recording: fixed(() => 0),
      is_triggered: fixed((s) => s.live.transport.isTriggered(s)),
      playing_status: fixed((s) => (s.clip ? s.clip.is_playing : 0)),
      color: fixed((s) => (s.clip ? s.clip.color : s.parent.color)),
    },
    children: { ...parent, clip: home((s) => s.clip) },
    functions: {
      create_clip: does((slot, [length], { live, max }) => {
        const track = slot.parent;
        if (typeof length !== "number" || !(length > 0))
          throw new Refused(`create_clip ${length}: the length is not more than 0`);
        if (slot.clip) throw new Refused("there is a clip in this slot");
        if (track.kind !== "midi") throw new Refused(`clips cannot be created on a track that is ${track.kind}`);
        if (track.frozen) throw new Refused("the track is frozen");
        const clip = live.makeClip(slot, { length });
        clip.owner = max.device;
        live.change(slot, "clip", clip);
      }),
      delete_clip: does((slot, values, { live }) => {
        if (!slot.clip) throw new Refused("there is no clip in this slot");
        live.change(slot, "clip", null);
      }),
      duplicate_clip_to: does((slot, values, { live, max }) => {
        const target = byIdText(live, values);
        if (!slot.clip) throw new Refused("there is no clip in this slot");
        if (!target || target.type !== "ClipSlot") throw new Refused(`${values.join(" ")} is no clip slot`);
        if (target.parent.kind !== slot.parent.kind || target.parent.frozen)
          throw new Refused("the clip cannot lie on that track");
        if (target.clip && !live.granted.has(target.clip))
          max.fail(`trespass: duplicate_clip_to overwrites ${live.path(target.clip)}`);
        live.change(target, "clip", live.copyClip(slot.clip, target, max.device));
      }),
      fire: reads((slot, values, { live }) => fire(live, slot, values)),
      stop: reads((slot, _, { live }) => live.transport.halt(slot.parent, "stopped")),
    },
  },
  Clip: {
    properties: {
      name: field("name", text),
      color: colour,
      color_index: fixed((c) => COLORS.indexOf(c.color)),
      looping: field("looping", flag),
      loop_start: loopEdge("loopStart", "start_marker", true),
      loop_end: loopEdge("loopEnd", "end_marker", false),
      start_marker: markerEdge("start_marker", true),
      end_marker: markerEdge("end_marker", false),
      length: fixed((c) => (c.looping ? c.loopEnd - c.loopStart : c.end_marker - c.start_marker)),
      position: fixed((c) => (c.looping ? c.loopStart : c.start_marker)),
      start_time: fixed((c) => c.at),
      end_time: fixed((c) => c.at + c.end_marker - c.start_marker),
      signature_numerator: field("numerator", number(1, 99)),
      signature_denominator: field("denominator", power),
      is_midi_clip: fixed((c) => !c.audio),
      is_audio_clip: fixed((c) => c.audio),
      is_arrangement_clip: fixed((c) => c.parent.type !== "ClipSlot"),
      is_take_lane_clip: fixed((c) => c.parent.type === "TakeLane", [12, 2]),
      // Of clips in slots only, as whoever has tried it says; of those in the Arrangement no page says it.
      is_playing: fixed((c) => c.is_playing),
      is_recording: fixed(() => 0),
      is_overdubbing: fixed(() => 0),
      is_triggered: fixed((c) => c.parent.type === "ClipSlot" && c.live.transport.isTriggered(c.parent)),
      muted: field("muted", flag),
      has_groove: fixed((c) => Boolean(c.groove), [11]),
      launch_mode: field("launch_mode", number(0, 3)),
      launch_quantization: field("launch_quantization", number(0, 14)),
      legato: field("legato", flag),
      velocity_amount: field("velocity_amount", number(0, 1)),
      playing_position: fixed((c) => c.live.position(c) || 0),
      has_envelopes: fixed(() => 0),
    },
    children: {
      ...parent,
      groove: link(
        (c) => c.groove,
        (c, groove, live) => live.change(c, "groove", groove),
        [11],
      ),
    },
    functions: {
      ...NOTES,
      fire: reads((clip, values, { live }) => clip.parent.type === "ClipSlot" && fire(live, clip.parent, values)),
      // Unquantized, by so many beats; what does not play stays as it is.
      move_playing_pos: reads((clip, [beats], { live, max }) => live.transport.move(clip, number(-1e6, 1e6)(beats), max.device)),
      stop: reads((clip, _, { live }) => clip.is_playing && live.transport.halt(clip.parent.parent, "stopped")),
      select_all_notes: reads((clip) => mark(clip, () => true)),
      deselect_all_notes: reads((clip) => mark(clip, () => false)),
      select_notes_by_id: reads(
        (clip, values, world) => mark(clip, (note) => ids(values, world).includes(note.note_id)),
        [11, 0, 6],
      ),
    },
  },
  MaxDevice: DEVICE,
  RackDevice: {
    ...DEVICE,
    properties: { ...DEVICE.properties, has_drum_pads: fixed((d) => d.pads.length > 0) },
    children: {
      ...DEVICE.children,
      chains: home((d) => d.chains),
      drum_pads: home((d) => d.pads),
      visible_drum_pads: link((d) => d.pads.slice(36, 52)),
      return_chains: link(() => []),
    },
  },
  Chain: CHAIN,
  DrumChain: CHAIN,
  DrumPad: {
    properties: { name: fixed((p) => p.name), note: fixed((p) => p.note), mute: fixed(() => 0), solo: fixed(() => 0) },
    children: { ...parent, chains: link((p) => p.chains) },
    functions: {},
  },
  // Those that can be automated; the others no script sees.
  DeviceParameter: {
    properties: {
      name: fixed((p) => p.name),
      value: {
        get: (p) => p.value,
        set: (p, value, live) => {
          if (live.change(p, "value", number(p.low, p.high)(value)) !== false) p.tell(p.value);
        },
      },
      min: fixed((p) => p.low),
      max: fixed((p) => p.high),
      is_enabled: fixed(() => 1),
    },
    children: { ...parent },
    functions: {},
  },
  GroovePool: { properties: {}, children: { ...parent, grooves: home((p) => p.grooves) }, functions: {} },
  Groove: {
    properties: { name: field("name", text), timing_amount: fixed((g) => g.amount) },
    children: { ...parent },
    functions: {},
  },
};

function needed(thing, type) {
  if (!thing || thing.type !== type) throw new Refused(`a ${type} is needed here`);
  return thing;
}

// fire(record_length, launch_quantization), both optional (docs.cycling74.com/apiref/lom/clipslot).
function fire(live, slot, [length, step]) {
  if (length !== undefined && length !== 0 && slot.clip) throw new Refused("a record_length is for empty slots");
  live.launch(slot, { step });
}

function mark(clip, isSelected) {
  clip.notes = clip.notes.map((note) => ({ ...note, selected: isSelected(note) }));
}

// "id 5", or "id" and 5.
function byIdText(live, values) {
  const words = values.join(" ").split(" ");
  if (words[0] !== "id" || !/^\d+$/.test(words[1])) throw new Refused(`${values.join(" ")} is no id`);
  if (words[1] === "0") return null;
  const thing = live.byId(words[1]);
  if (!thing) throw new Refused(`there is nothing with the id ${words[1]}`);
  return thing;
}
function snap(color) {
  const far = (a, b) => [16, 8, 0].reduce((sum, bits) => sum + (((a >> bits) & 255) - ((b >> bits) & 255)) ** 2, 0);
  return COLORS.reduce((best, one) => (far(one, color) < far(best, color) ? one : best));
}

function without(list, one) {
  return list.filter((other) => other !== one);
}

module.exports = { COLORS, NOTE_DEFAULTS, Refused, TABLES, byIdText, snap, without };
