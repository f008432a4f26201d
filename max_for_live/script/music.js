// Pure functions on music: notes to messages and back, overlaps, the puck's path, names, keys, state as text. Results
// depend on arguments only. Max, Live, the network and TABLE must not be used here.

var Music = (function () {
  var MAX_ATOMS = 250; // in a message, by the protocol
  var SAME_TIME = 1e-4; // beats
  var MAX_SHIFT = 1 / 32; // beats by which a new note may be moved to begin after an untouched one
  var MIN_DURATION = 1 / 256; // beats, of a new note
  var ROOTS = "C C# D D# E F F# G G# A A# B".split(" ");
  var STATE_MARK = "lb1"; // marks the text as ours, and as no number
  // Live may round a note's fields; smaller differences than these cannot be heard.
  var TOLERANCES = {
    duration: SAME_TIME, mute: 0.5, probability: 0.006, velocity: 0.51, velocity_deviation: 0.51, release_velocity: 0.51,
  };

  // Notes as Live gives them

  function parseNotes(answer) {
    var given = answer;
    try {
      if (typeof given === "string") given = JSON.parse(given);
    } catch (problem) {
      return null; // cut off: the caller reads fewer notes
    }
    if (!given || !given.notes) return null;
    return given.notes.map(function (n) {
      var note = copyNote(n, 0);
      note.note_id = n.note_id;
      return note;
    });
  }

  // A note without its id, as Live takes it.
  function copyNote(given, shift) {
    return {
      pitch: Number(given.pitch), start_time: Number(given.start_time) + shift, duration: Number(given.duration),
      velocity: orDefault(given.velocity, 100), mute: given.mute ? 1 : 0, probability: orDefault(given.probability, 1),
      velocity_deviation: orDefault(given.velocity_deviation, 0), release_velocity: orDefault(given.release_velocity, 64),
    };
  }

  function orDefault(value, otherwise) { return value === undefined || value === null ? otherwise : Number(value); }
  function byStart(a, b) { return a.start_time - b.start_time || a.pitch - b.pitch || a.duration - b.duration; }
  function byPitch(a, b) { return a.pitch - b.pitch || byStart(a, b); }

  // A text to tell whether notes have changed: their count, and a hash (FNV-1a) of all their fields.
  function fingerprint(notes) {
    var text = notes.slice().sort(byPitch).map(function (n) {
      var fine = [n.start_time, n.duration, n.velocity, n.probability, n.velocity_deviation, n.release_velocity];
      return [n.pitch, n.mute].concat(fine.map(function (v) { return Math.round(v * 4096); })).join(" ");
    }).join("/");
    var hash = 0x811c9dc5;
    for (var i = 0; i < text.length; i++) {
      hash ^= text.charCodeAt(i);
      hash = (hash + (hash << 1) + (hash << 4) + (hash << 7) + (hash << 8) + (hash << 24)) >>> 0;
    }
    return notes.length + "-" + hash.toString(16);
  }

  // Clips to messages

  // The messages of a part, or of some of its notes; a count below 0 means all of it. A part is a clip of a request:
  // notes in Live's times, `base` (its time 0), beats, meter, name.
  function partMessages(id, index, part, first, count) {
    var total = part.notes.length, isAll = count < 0;
    var head = ["/bridge/clip", id, index, part.beats, part.meter[0], part.meter[1], total, plainText(part.name)];
    var messages = isAll ? [head] : [], end = isAll ? total : Math.min(first + count, total);
    var isPlain = part.notes.every(function (n) {
      return !n.mute && n.probability === 1 && n.velocity_deviation === 0 && n.release_velocity === 64;
    });
    var width = isPlain ? 4 : 8, most = Math.floor((MAX_ATOMS - 4) / width);
    for (var at = isAll ? 0 : first; at < end; at += most) {
      var message = ["/bridge/notes", id, index, at, width];
      part.notes.slice(at, Math.min(at + most, end)).forEach(function (n) {
        message.push(n.pitch, n.start_time - part.base, n.duration, n.velocity);
        if (!isPlain) message.push(n.mute, n.probability, n.velocity_deviation, n.release_velocity);
      });
      messages.push(message);
    }
    return messages;
  }

  // A part as it is heard beside others: the notes that begin within its first beats, with what can be heard of them.
  function audibleOf(part, beats) {
    var end = part.base + Math.min(beats, part.beats);
    var notes = part.notes.filter(function (n) { return !n.mute && n.start_time >= part.base && n.start_time < end; });
    return {
      clip: part.clip, base: part.base, beats: part.beats, meter: part.meter, name: part.name, fingerprint: fingerprint(notes),
      notes: notes.map(function (n) {
        return copyNote({ pitch: n.pitch, start_time: n.start_time, duration: n.duration, velocity: n.velocity }, 0);
      }),
    };
  }

  // What is heard of parts in the Arrangement from a beat of the song on, as one part.
  function arrangedOf(parts, from, beats) {
    var notes = [], first = parts[0];
    parts.forEach(function (part) {
      var shift = part.start - part.start_marker, length = part.looping ? part.loop_end - part.loop_start : 0;
      var stop = Math.min(part.end, from + beats);
      part.notes.forEach(function (n) {
        var isIn = n.start_time >= part.start_marker || (length > 0 && n.start_time >= part.loop_start);
        if (n.mute || !isIn || (length > 0 && n.start_time >= part.loop_end)) return;
        for (var at = n.start_time + shift; at < stop; at += length) {
          if (at >= Math.max(part.start, from)) notes.push(heardAt(n, at - from, Math.min(n.duration, stop - at)));
          if (!length || n.start_time < part.loop_start) break;
        }
      });
    });
    notes.sort(byStart);
    return {
      clip: first.clip, base: 0, beats: beats, meter: first.meter, name: first.trackName, fingerprint: fingerprint(notes),
      notes: notes,
    };
  }

  function heardAt(n, start, duration) {
    return copyNote({ pitch: n.pitch, start_time: start, duration: duration, velocity: n.velocity }, 0);
  }

  // A name as it may be sent: ASCII, at most 100 letters.
  function plainText(text) { return String(text).replace(/[^\x20-\x7e]/g, "_").slice(0, 100); }

  // Messages to clips

  function emptyReply() { return { headers: {}, rows: {}, clips: -1, info: [] }; }

  // Add the values of a /bridge/clip after its id; returns whether they are new.
  function addHeader(reply, values) {
    var v = values.slice(0, 5).map(Number);
    if (!isCount(v[0], 64) || !(v[1] > 0) || !isCount(v[4], 1 << 16) || reply.headers[v[0]]) return false;
    reply.headers[v[0]] = { beats: v[1], meter: [v[2] || 4, v[3] || 4], count: v[4] };
    return true;
  }

  // Add the values of a /bridge/notes after its id; returns whether any note is new.
  function addRows(reply, values) {
    var v = values.map(Number), index = v[0], first = v[1], width = v[2], isNews = false;
    var isOdd = !(width >= 4) || (v.length - 3) % width !== 0 || !v.every(isFinite);
    if (isOdd || !isCount(index, 64) || !isCount(first, 1 << 16)) return false;
    var rows = (reply.rows[index] = reply.rows[index] || {});
    for (var at = 3, i = first; at < v.length; at += width, i++) {
      if (rows[i]) continue;
      rows[i] = v.slice(at, at + width);
      isNews = true;
    }
    return isNews;
  }

  // What is missing of a finished reply: [index, first, count] each; count -1 means the header and all notes.
  function missingRanges(reply) {
    var found = [];
    for (var index = 0; index < reply.clips; index++) {
      var head = reply.headers[index], rows = reply.rows[index] || {};
      if (!head) found.push([index, 0, -1]);
      for (var i = 0; head && i < head.count; i++) {
        if (rows[i]) continue;
        var first = i;
        while (i < head.count && !rows[i]) i++;
        found.push([index, first, i - first]);
      }
    }
    return found;
  }

  // The exact length of the part whose length is the same in 32 bits; otherwise the length as it is.
  function exactBeats(beats, parts) {
    var same = parts.filter(function (part) { return Math.abs(part.beats - beats) < 1e-6 * beats; });
    return same.length ? same[0].beats : beats;
  }

  // The part that most of a result's untouched notes come from, or null.
  function mainSource(reply, index, parts) {
    var counts = parts.map(function () { return 0; });
    for (var i in reply.rows[index] || {}) counts[reply.rows[index][i][8]]++;
    return parts[counts.indexOf(Math.max.apply(null, counts))] || null;
  }

  // The notes of a result with its time 0 at `base`. A note that the server left as it was is copied from the part, with
  // every field.
  function rebuild(reply, index, parts, base) {
    var rows = reply.rows[index] || {}, notes = [];
    for (var i = 0; i < reply.headers[index].count; i++) {
      var row = rows[i], part = parts[row[8]], source = part && part.notes[row[9]];
      var note = source ? copyNote(source, base - part.base) : newNote(row, base);
      note.isKept = Boolean(source);
      notes.push(note);
    }
    return resolveOverlaps(notes);
  }

  function newNote(row, base) {
    return {
      pitch: clamp(Math.round(row[0]), 0, 127), start_time: base + snapTime(row[1]),
      duration: Math.max(MIN_DURATION, snapTime(row[2])), velocity: clamp(row[3], 1, 127),
      mute: row[4] ? 1 : 0, probability: clamp(orDefault(row[5], 1), 0, 1),
      velocity_deviation: clamp(orDefault(row[6], 0), -127, 127), release_velocity: clamp(orDefault(row[7], 64), 0, 127),
    };
  }

  // Remove the rounding error of 32-bit numbers from times on a grid of 1/3840 beat.
  function snapTime(time) {
    var near = Math.round(time * 3840) / 3840;
    return Math.abs(near - time) < 1e-5 ? near : time;
  }

  function clamp(value, low, high) { return Math.min(high, Math.max(low, value)); }
  function isCount(value, most) { return value >= 0 && value < most && Math.floor(value) === value; }

  // Live drops notes that overlap on one pitch. So new notes are shortened to end where the next begins, and dropped
  // where an untouched note sounds. Untouched notes stay as they are.
  function resolveOverlaps(notes) {
    var out = [], last = null;
    notes.slice().sort(byPitch).forEach(function (note) {
      while (overlap(last, note) && !(last.isKept && note.isKept)) {
        if (last.isKept) {
          var inside = last.start_time + last.duration - note.start_time;
          if (inside > MAX_SHIFT || note.duration - inside < MIN_DURATION) return;
          note.start_time += inside;
          note.duration -= inside;
        } else {
          last.duration = note.start_time - last.start_time;
          if (last.duration >= MIN_DURATION) break;
          out.pop(); // too short now; the note before it may reach here
          last = out[out.length - 1] || null;
        }
      }
      out.push(note);
      last = note;
    });
    return out.sort(byStart);
  }

  function overlap(last, note) {
    return last && last.pitch === note.pitch && note.start_time < last.start_time + last.duration - SAME_TIME;
  }

  // Which notes to remove and which to add so that the found notes become the wanted ones.
  function compareNotes(found, wanted) {
    var have = found.slice().sort(byPitch), want = wanted.slice().sort(byPitch);
    var difference = { remove: [], add: [] }, i = 0, j = 0;
    while (i < have.length || j < want.length) {
      var order = i === have.length ? 1 : j === want.length ? -1 : comparePosition(have[i], want[j]);
      var isSame = order === 0 && areSame(have[i], want[j]);
      if (order <= 0 && !isSame) difference.remove.push(have[i]);
      if (order >= 0 && !isSame) difference.add.push(want[j]);
      if (order <= 0) i++;
      if (order >= 0) j++;
    }
    difference.add.sort(byStart); // Live cuts an earlier note off when a later one is added within it
    return difference;
  }

  function comparePosition(a, b) {
    var apart = a.start_time - b.start_time;
    return a.pitch - b.pitch || (Math.abs(apart) < SAME_TIME ? 0 : apart);
  }

  function areSame(a, b) {
    return Object.keys(TOLERANCES).every(function (field) { return Math.abs(a[field] - b[field]) < TOLERANCES[field]; });
  }

  // The changes [name, value] from one set of clip properties to another, in an order that keeps each start before its
  // end.
  function propertyChanges(now, look) {
    var names = ["name", "color", "signature_numerator", "signature_denominator", "looping"].filter(function (name) {
      return now[name] !== look[name];
    });
    if (look.looping) names = names.concat(edges("loop_start", "loop_end"));
    var sets = names.concat(edges("start_marker", "end_marker")).map(function (name) { return [name, look[name]]; });
    if (look.groove && now.groove !== look.groove) sets.push(["groove", "id " + look.groove]);
    return sets;

    function edges(start, end) {
      var order = look[start] >= now[end] ? [end, start] : [start, end];
      return order.filter(function (edge) { return Math.abs(now[edge] - look[edge]) > 1e-9; });
    }
  }

  // What a clip may hold while it plays: the wanted notes, and those that sound now or within `lead` beats, until they have
  // ended. `loop` is [start, end], `position` lies within it. `rest` are the beats until what is left may follow, or 0.
  function playThrough(found, wanted, position, lead, loop) {
    var soon = position + lead, wrapped = loop[0] + Math.max(0, soon - loop[1]), rest = 0;
    var sounding = found.filter(function (n) {
      var isNext = n.start_time >= loop[0] && n.start_time < wrapped;
      return isNext || (n.start_time < Math.min(soon, loop[1]) && n.start_time + n.duration > position);
    });
    var held = compareNotes(sounding, wanted).remove;
    held.forEach(function (n) {
      var isNext = n.start_time < wrapped && n.start_time + n.duration <= position;
      var end = Math.min(n.start_time + n.duration, loop[1]);
      rest = Math.max(rest, end - position + (isNext ? loop[1] - loop[0] : 0), lead);
    });
    var free = wanted.filter(function (note) {
      return !held.some(function (n) {
        return n.pitch === note.pitch && n.start_time < note.start_time + note.duration &&
          note.start_time < n.start_time + n.duration;
      });
    });
    return { notes: free.concat(held).sort(byStart), rest: rest };
  }

  // `count` points evenly along the puck's path, its ends included.
  function resample(path, count) {
    var lengths = [0], points = [];
    for (var i = 1; i < path.length; i++) {
      var dx = path[i][0] - path[i - 1][0], dy = path[i][1] - path[i - 1][1];
      lengths.push(lengths[i - 1] + Math.sqrt(dx * dx + dy * dy));
    }
    var total = lengths[lengths.length - 1];
    if (!(total > 0) || count < 2) return path.slice(-1);
    for (var k = 0, at = 1; k < count; k++) {
      var goal = (total * k) / (count - 1);
      while (at < path.length - 1 && lengths[at] < goal) at++;
      var from = path[at - 1], to = path[at], span = lengths[at] - lengths[at - 1];
      var share = span > 0 ? clamp((goal - lengths[at - 1]) / span, 0, 1) : 0;
      points.push([from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]);
    }
    return points;
  }

  // Words

  // The drum voice that a pad's name tells, by the rule in configs/drum_maps.yaml; "" for none.
  function voiceOf(name, entries) {
    var said = wordsOf(name);
    var fitting = entries.filter(function (entry) {
      return entry[1].some(function (text) {
        return wordsOf(text).every(function (word) { return said.indexOf(word) >= 0; });
      });
    });
    return fitting.length && fitting[0][0] !== "other" ? fitting[0][0] : "";
  }

  function wordsOf(name) {
    var parted = name.replace(/([a-z])([A-Z])/g, "$1 $2").replace(/([A-Za-z])([0-9])/g, "$1 $2");
    return parted.replace(/([0-9])([A-Za-z])/g, "$1 $2").toLowerCase().match(/[a-z0-9]+/g) || [];
  }

  // A stretch of beats from a part's time 0 that holds these notes, as a request spells it; "" for none.
  function stretchOf(notes, base) {
    if (!notes.length) return "";
    var starts = notes.map(function (n) { return n.start_time - base; });
    var ends = notes.map(function (n) { return n.start_time + n.duration - base; });
    var from = Math.floor(Math.min.apply(null, starts) * 4 + 1e-6) / 4;
    return from + ":" + Math.max(from + 0.25, Math.ceil(Math.max.apply(null, ends) * 4 - 1e-6) / 4);
  }

  // A key by Live's name, and spelled in semitones for a server that does not know the name.
  function keyNames(root, scale, steps) {
    var name = ROOTS[((root % 12) + 12) % 12];
    return { named: name + " " + scale, spelled: steps.length > 1 ? name + " " + steps.join(" ") : "" };
  }

  // A clip's name without what earlier presses have appended.
  function baseName(name) { return name.replace(/( (~?[\d/]+ %|\d+\/\d+))? #\d+$/, "") || name || "Clip"; }

  // A text that fits into so many pixels; `letters` are those of each letter.
  function shorten(text, room, letters) {
    function width(some) {
      return some.split("").reduce(function (sum, letter) { return sum + (letters[letter] || letters.other); }, 0);
    }
    if (width(text) <= room) return text;
    var short = text;
    while (short && width(short + "…") > room) short = short.slice(0, -1);
    return short.replace(/[\s,;:(\ud800-\udbff]+$/, "") + "…";
  }

  // A name as it is saved: at most 60 units, not cut within a surrogate pair.
  function shortName(name) { return name.slice(0, 60).replace(/[\ud800-\udbff]$/, ""); }

  // State as text of letters, digits, - _ . and ~ only: Max gives a meaning to space , ; \\ and $.
  function packState(state) {
    var safe = encodeURIComponent(JSON.stringify(state)).replace(/[!'()*~]/g, function (c) {
      return "%" + c.charCodeAt(0).toString(16);
    });
    return STATE_MARK + safe.replace(/%/g, "~");
  }

  function unpackState(text) {
    if (text.indexOf(STATE_MARK) !== 0) return null;
    try {
      return JSON.parse(decodeURIComponent(text.slice(STATE_MARK.length).replace(/~/g, "%")));
    } catch (problem) {
      return null; // damaged: the same as none
    }
  }

  return {
    arrangedOf: arrangedOf, audibleOf: audibleOf, byStart: byStart, clamp: clamp, compareNotes: compareNotes,
    copyNote: copyNote, propertyChanges: propertyChanges,
    emptyReply: emptyReply, exactBeats: exactBeats, fingerprint: fingerprint, missingRanges: missingRanges, keyNames: keyNames,
    mainSource: mainSource, packState: packState, parseNotes: parseNotes, partMessages: partMessages, plainText: plainText,
    playThrough: playThrough, rebuild: rebuild, resample: resample, resolveOverlaps: resolveOverlaps, shortName: shortName,
    baseName: baseName, shorten: shorten, stretchOf: stretchOf,
    addHeader: addHeader, addRows: addRows, unpackState: unpackState, voiceOf: voiceOf,
  };
}());
