// What is selected in a fake Live set, and what follows from it: the slot that is highlighted, the clip and the scale that
// are shown. They are methods of Live: see live.js.
"use strict";

const view = {
  select(thing) {
    if (thing.type === "Track") this.showTrack(thing);
    if (thing.type === "Scene") this.selectScene(thing);
    if (thing.type === "ClipSlot") {
      this.highlight(thing);
      this.view.detail_clip = thing.clip;
    }
    if (thing.type === "Clip") {
      this.view.detail_clip = thing;
      if (thing.parent.type === "ClipSlot") this.highlight(thing.parent);
      else this.selectTrack(this.trackOf(thing));
    }
    this.notify();
  },

  selectTrack(track) {
    this.change(this.view, "selected_track", track);
  },

  // A click on a track's title: the slot of the selected scene is highlighted there, and its clip is the one in detail.
  showTrack(track) {
    this.selectTrack(track);
    const slot = this.highlighted();
    this.view.detail_clip = (slot && slot.clip) || null;
  },

  selectScene(scene) {
    this.change(this.view, "selected_scene", scene);
  },

  highlight(slot) {
    this.selectTrack(slot.parent);
    this.selectScene(this.song.scenes[slot.parent.slots.indexOf(slot)]);
  },

  highlighted() {
    const { selected_track: track, selected_scene: scene } = this.view;
    if (!track || !scene || !this.isAlive(track)) return null;
    return track.slots[this.song.scenes.indexOf(scene)] || null;
  },

  // The scale that the Control Bar shows, and scripts are told: since Live 12 that of the selected clip (ableton.com/en/manual/
  // live-concepts: Scale Settings).
  scaleNow() {
    const { detail_clip: clip } = this.view;
    return this.version[0] >= 12 && clip && this.isAlive(clip) ? clip.scale : this.song.scale;
  },
};

module.exports = { view };
